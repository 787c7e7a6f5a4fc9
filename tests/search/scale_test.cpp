#include "search/scale.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paretune {
namespace {

std::vector<Observation> trials_of(const std::vector<Scores>& scores) {
  std::vector<Observation> trials{{{0}, std::nullopt}};
  for (const Scores& s : scores) trials.push_back({{1}, s});
  return trials;
}

TEST(Scale, PutsBestAtZeroAndWorstAtOne) {
  const Scale scale(trials_of({{100, -3, 7}, {1, 5, 7}, {10, 1, 7}}), 3);
  EXPECT_EQ(scale({1, -3, 7}), (Scores{0, 0, 0}));
  EXPECT_EQ(scale({100, 5, 7}), (Scores{1, 1, 0}));
  // Times go by ratio (but for the offset of a thousandth), scores that may be negative by
  // difference.
  EXPECT_NEAR(scale({10, 1, 7})[0], 0.5, 0.01);
  EXPECT_DOUBLE_EQ(scale({10, 1, 7})[1], 0.5);
}

TEST(Scale, ANearlyPerfectLossDoesNotTakeUpTheRange) {
  const Scale scale(trials_of({{0}, {1e-15}, {0.01}, {0.1}, {1}}), 1);
  EXPECT_LT(scale({1e-15})[0], 1e-6);
  EXPECT_GT(scale({0.01})[0], 0.5);
  EXPECT_LT(scale({0.01})[0], scale({0.1})[0] - 0.15);
}

TEST(Scale, OfNoTrialsIsFinite) {
  EXPECT_TRUE(std::isfinite(Scale({}, 1)({5})[0]));
  EXPECT_TRUE(std::isfinite(Scale(trials_of({{0}, {0}}), 1)({5})[0]));
}

TEST(Tchebycheff, FavoursTheWeightedObjective) {
  const std::vector<double> weights{0.9, 0.1};
  EXPECT_LT(tchebycheff({0.1, 0.9}, weights), tchebycheff({0.9, 0.1}, weights));
  EXPECT_LT(tchebycheff({0.1, 0.1}, weights),
            tchebycheff({0.1, 0.2}, weights));  // dominance counts in every case
}

TEST(RandomWeights, SumToOne) {
  Rng rng{1};
  double first = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<double> weights = random_weights(rng, 3);
    EXPECT_NEAR(weights[0] + weights[1] + weights[2], 1, 1e-12);
    first += weights[0] / 1000;
  }
  EXPECT_NEAR(first, 1.0 / 3, 0.03);  // 4 standard errors: a weight's deviation is sqrt(1/18)
}

TEST(Scale, InverseGivesTheScoresBack) {
  const std::vector<Observation> trials{{{0}, Scores{1, -2}}, {{1}, Scores{9, 5}}};
  const Scale scale(trials, 2);
  const Scores scores{3, 1}, back = scale.inverse(scale(scores));
  EXPECT_NEAR(back[0], 3, 1e-12);
  EXPECT_NEAR(back[1], 1, 1e-12);
}

}  // namespace
}  // namespace paretune
