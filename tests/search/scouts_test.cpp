#include "search/scouts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace paretune {
namespace {

// 4^12 points; those with the same first half but for its last choice are one.
Space large_space() {
  Space space{.n_choices = std::vector<int>(12, 4)};
  space.canonical = [](const Point& point) -> std::optional<Point> {
    if (point[11] == 3) return std::nullopt;
    Point canonical = point;
    if (canonical[0] == 0) canonical[1] = 0;
    return canonical;
  };
  return space;
}

// Two objectives at odds in the first half, both worse by the second.
std::optional<Scores> two(const Point& point) {
  double first = 1, second = 1;
  for (std::size_t d = 0; d < 6; ++d) first += point[d], second += 3 - point[d];
  for (std::size_t d = 6; d < 12; ++d) first += point[d], second += point[d];
  return Scores{first, second};
}

TEST(Scouts, AreTheBestByTheirPrior) {
  const Space space = large_space();
  const std::vector<Point> points = scout(space, two, Rng{7, 1});
  ASSERT_GE(points.size(), 50u);
  EXPECT_LE(points.size(), 1024u);
  EXPECT_EQ(std::set(points.begin(), points.end()).size(), points.size());
  double least = 1e9, first = 1e9, second = 1e9;
  for (const Point& point : points) {
    EXPECT_EQ(canonical_of(space, point), point);
    const Scores scores = *two(point);
    least = std::min(least, scores[0] + scores[1]);
    first = std::min(first, scores[0]), second = std::min(second, scores[1]);
  }
  // Their sum is 20 and twice the second half's, of which one draw in 4^6 is 0: some of kRanked
  // are.
  EXPECT_EQ(least, 20);
  // Both ends: a random point has 19 and a standard deviation of 3.9.
  EXPECT_LE(first, 8);
  EXPECT_LE(second, 8);
  EXPECT_EQ(scout(space, two, Rng{7, 1}), points);
}

TEST(Scouts, GoByWhatIsKnown) {
  const auto half = [](const Point& point) -> std::optional<Scores> {
    if (point[2] == 1) return std::nullopt;
    return Scores{NAN, (*two(point))[1]};
  };
  const std::vector<Point> points = scout(large_space(), half, Rng{7, 1});
  ASSERT_FALSE(points.empty());
  for (const Point& point : points) EXPECT_NE(point[2], 1);
  EXPECT_TRUE(scout(
                  large_space(),
                  [](const Point&) {
                    return std::optional(Scores{NAN, NAN});
                  },
                  Rng{7, 1})
                  .empty());
  EXPECT_TRUE(scout(
                  large_space(), [](const Point&) { return std::optional<Scores>(); }, Rng{7, 1})
                  .empty());
}

}  // namespace
}  // namespace paretune
