#include "search/limit_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace paretune {
namespace {

const Space kLine{.n_choices = {20}, .ordinal = {true}};

std::vector<Point> points(std::initializer_list<int> choices) {
  std::vector<Point> made;
  for (const int choice : choices) made.push_back({choice});
  return made;
}

TEST(LimitModel, WhereNoneWasMissedThePriorsDoubtsCountALittle) {
  const LimitModel model(kLine, points({1, 2, 3}), {0, 0, 0}, {}, Rng{1});
  EXPECT_FALSE(model.none_met());
  EXPECT_EQ(model.chances(points({4, 5}), {}), (std::vector<double>{1, 1}));
  const std::vector<double> doubted = model.chances(points({4, 5, 6}), {0, 3, NAN});
  EXPECT_EQ(doubted[0], 1);
  EXPECT_GT(doubted[1], 0);
  EXPECT_LT(doubted[1], 1);
  EXPECT_EQ(doubted[2], 1);  // nothing is known there
  EXPECT_TRUE(model.approaches(points({4}), {}).empty());
}

TEST(LimitModel, LearnsWhereLimitsAreMet) {
  const LimitModel model(kLine, points({0, 2, 4, 6, 12, 14, 16, 18}), {0, 0, 0, 0, 5, 7, 40, 9}, {},
                         Rng{1});
  const std::vector<double> chances = model.chances(points({3, 17}), {});
  EXPECT_GT(chances[0], 0.8);
  EXPECT_LT(chances[1], 0.2);
  EXPECT_GT(chances[1], 0);  // nothing is ruled out
}

// What the prior has of them alone tells the trials that met the limits from the others.
TEST(LimitModel, BelievesAPriorThatWasRight) {
  const Space scattered{.n_choices = {20}, .ordinal = {false}};
  const LimitModel model(scattered, points({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
                         {0, 5, 0, 5, 0, 5, 0, 5, 0, 5}, {0, 4, 0, 4, 0, 4, 0, 4, 0, 4}, Rng{1});
  const std::vector<double> chances = model.chances(points({10, 11}), {0, 4});
  EXPECT_GT(chances[0], 0.8);
  EXPECT_LT(chances[1], 0.2);
}

TEST(LimitModel, WhileNoneMeetsThemItGoesWhereMissesGetSmaller) {
  const LimitModel model(kLine, points({18, 15, 12, 9}), {800, 400, 200, 100}, {}, Rng{1});
  EXPECT_TRUE(model.none_met());
  EXPECT_EQ(model.chances(points({3}), {}), std::vector<double>{1});
  const std::vector<double> nearer = model.approaches(points({4, 17}), {});
  ASSERT_EQ(nearer.size(), 2u);
  EXPECT_GT(nearer[0], nearer[1]);
  EXPECT_TRUE(LimitModel(kLine, points({1, 2}), {7, 7}, {}, Rng{1})
                  .approaches(points({3}), {})
                  .empty());  // all are as far
}

}  // namespace
}  // namespace paretune
