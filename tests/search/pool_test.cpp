#include "search/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/search/problems.h"

namespace paretune {
namespace {

TEST(Pool, OfASmallSpaceIsAllThatIsFresh) {
  const Space space = conditional().space;
  const Pool pool(space);
  ASSERT_TRUE(pool.whole());
  TrialLog log(space);
  Rng rng{1};
  EXPECT_EQ(pool.candidates(log, {}, rng), *pool.whole());
  for (const Point& point : *pool.whole()) EXPECT_EQ(canonical_of(space, point), point);
  log.ask(pool.whole()->at(3));
  log.tell(pool.whole()->at(5), std::nullopt);
  const std::vector<Point> left = pool.candidates(log, {}, rng);
  EXPECT_EQ(left.size() + 2, pool.whole()->size());
  for (const Point& point : left) EXPECT_TRUE(log.is_fresh(point));
}

TEST(Pool, OfALargeSpaceSurroundsTheCenters) {
  const Space space{.n_choices = std::vector<int>(10, 6)};
  const Pool pool(space);
  ASSERT_FALSE(pool.whole());
  const Point center(10, 2);
  TrialLog log(space);
  log.tell(center, Scores{1.0});
  Rng rng{1};
  const std::vector<Point> points = pool.candidates(log, {center}, rng);
  EXPECT_EQ(std::set<Point>(points.begin(), points.end()).size(), points.size()) << "one twice";
  int n_neighbours = 0;
  for (const Point& point : points) {
    EXPECT_TRUE(log.is_fresh(point));
    n_neighbours += 9 == std::ranges::count(point, 2);
  }
  EXPECT_EQ(n_neighbours, 10 * 5);
  EXPECT_GT(points.size(), 500u);
}

}  // namespace
}  // namespace paretune
