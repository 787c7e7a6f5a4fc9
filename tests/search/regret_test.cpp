#include "search/regret.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

const Scores kReference{1, 1};

Foretold foretold(std::vector<Moments> moments) { return {std::move(moments), {}}; }

TEST(Regret, OfCertainPointsIsWhatTheyAdd) {
  // The front covers a quarter, the point three quarters of the unit square, all of the front's.
  const std::vector<Scores> front{{0.5, 0.5}};
  const std::vector<Foretold> point{foretold({{0.25, 0}}), foretold({{0, 0}})};
  EXPECT_NEAR(hypervolume_regret(front, kReference, point, {}, Rng{1}), 2.0 / 3, 1e-12);
}

TEST(Regret, IsNothingWhereNothingIsLeftToFind) {
  const std::vector<Scores> front{{0.2, 0.2}};
  const std::vector<Foretold> worse{foretold({{0.5, 0}, {0.3, 0}}), foretold({{0.5, 0}, {0.9, 0}})};
  EXPECT_EQ(hypervolume_regret(front, kReference, worse, {}, Rng{1}), 0);
  const std::vector<Foretold> none{foretold({}), foretold({})};
  EXPECT_EQ(hypervolume_regret(front, kReference, none, {}, Rng{1}), 0);
}

TEST(Regret, OfAnEmptyFrontIsAll) {
  const std::vector<Foretold> beyond{foretold({{2, 0}}), foretold({{2, 0}})};
  EXPECT_EQ(hypervolume_regret({}, kReference, beyond, {}, Rng{1}), 1);
  const std::vector<Foretold> inside{foretold({{0.5, 0}}), foretold({{0.5, 0}})};
  EXPECT_EQ(hypervolume_regret({}, kReference, inside, {}, Rng{1}), 1);
}

// One objective, front at 0, a point of mean 0 and deviation 1: its 95 % quantile from the good
// side is 1.645, and the hypervolume that adds to is 10 + 1.645.
TEST(Regret, IsTheQuantileOfANormal) {
  const std::vector<Scores> front{{0}};
  const std::vector<Foretold> point{foretold({{0, 1}})};
  EXPECT_NEAR(hypervolume_regret(front, Scores{10}, point, {}, Rng{1}), 1.645 / 11.645, 0.025);
}

TEST(Regret, PointsThatMoveTogetherAddLessThanIndependentOnes) {
  const std::vector<Scores> front{{0}};
  const std::size_t n = 50;
  const std::vector<Moments> moments(n, Moments{0.5, 1});
  const std::vector<Foretold> apart{{moments, {}}};
  const std::vector<Foretold> together{{moments, std::vector<double>(n * n, 1.0)}};
  EXPECT_GT(hypervolume_regret(front, Scores{10}, apart, {}, Rng{1}),
            1.3 * hypervolume_regret(front, Scores{10}, together, {}, Rng{1}));
}

TEST(Regret, WhatFailsAddsNothing) {
  const std::vector<Scores> front{{0.5, 0.5}};
  const std::vector<Foretold> point{foretold({{0, 0}}), foretold({{0, 0}})};
  const auto regret = [&](double feasible) {
    return hypervolume_regret(front, kReference, point, std::vector<double>{feasible}, Rng{1});
  };
  EXPECT_EQ(regret(0), 0);
  EXPECT_EQ(regret(0.01), 0);  // rarer than the quantile
  EXPECT_EQ(regret(1), 0.75);
}

}  // namespace
}  // namespace paretune
