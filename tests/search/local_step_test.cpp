#include "search/local_step.h"

#include <gtest/gtest.h>

#include "tests/search/problems.h"

namespace paretune {
namespace {

int differing(const Point& a, const Point& b) {
  int n = 0;
  for (std::size_t d = 0; d < a.size(); ++d) n += a[d] != b[d];
  return n;
}

struct Trials {
  explicit Trials(const Problem& problem) : log(problem.space) {}
  void add(const Point& point, const Scores& s) {
    log.tell(point, s);
    points.push_back(point);
    scores.push_back(s);
  }
  TrialLog log;
  std::vector<Point> points;
  std::vector<Scores> scores;
};

TEST(LocalStep, ChangesOneDimensionOfTheBest) {
  const Problem problem = zdt(1, 4, 9);
  Trials t(problem);
  t.add({0, 8, 8, 8}, {1, 1});
  t.add({4, 2, 2, 2}, {0, 0});  // best under any weights
  t.add({8, 8, 0, 8}, {0.7, 0.9});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto point = local_step(t.log, t.points, t.scores, {}, Rng{seed});
    ASSERT_TRUE(point);
    EXPECT_EQ(differing(*point, t.points[1]), 1);
    EXPECT_EQ(point, local_step(t.log, t.points, t.scores, {}, Rng{seed}));
  }
}

TEST(LocalStep, WeighsByTheChanceThatAPointCounts) {
  const Problem problem = zdt(1, 4, 9);
  Trials t(problem);
  t.add({4, 2, 2, 2}, {0, 0});
  t.add({8, 8, 0, 8}, {0.7, 0.9});
  const Chances only_the_third = [](const std::vector<Point>& points) {
    std::vector<double> chances;
    for (const Point& p : points) chances.push_back(p[2] != 2 ? 1 : 0);
    return chances;
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_NE((*local_step(t.log, t.points, t.scores, only_the_third, Rng{seed}))[2], 2);
}

TEST(LocalStep, GoesOnAtTheNextBestWhereTheBestIsSurrounded) {
  Space space{.n_choices = {2, 2, 2}};
  Trials t({.space = space, .n_objectives = 2});
  t.add({0, 0, 0}, {0, 0});
  for (const Point& p : {Point{1, 0, 0}, Point{0, 1, 0}}) t.add(p, {1, 1});
  t.add({0, 0, 1}, {0.5, 0.5});
  const auto point = local_step(t.log, t.points, t.scores, {}, Rng{1});
  ASSERT_TRUE(point);
  EXPECT_EQ(differing(*point, {0, 0, 1}), 1);
  for (int i = 0; i < 8; ++i) t.log.tell({i & 1, i >> 1 & 1, i >> 2}, Scores{2, 2});
  EXPECT_FALSE(local_step(t.log, t.points, t.scores, {}, Rng{1}));
}

}  // namespace
}  // namespace paretune
