#include "optimizer/paired.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace paretune {
namespace {

using Pairs = std::vector<std::pair<double, double>>;

TEST(CostRatio, IsTheGeometricMeanWithStudentsInterval) {
  const Estimate r = cost_ratio(Pairs{{1, 2}, {2, 4}, {3, 6}});
  EXPECT_DOUBLE_EQ(r.value, 0.5);
  EXPECT_DOUBLE_EQ(r.high, 0.5);
  // Logarithms -0.1, 0, 0.1: standard error 0.1 / sqrt(3), t of 2 degrees 2.92.
  const Estimate spread = cost_ratio(Pairs{{std::exp(-.1), 1}, {1, 1}, {std::exp(.1), 1}});
  EXPECT_NEAR(spread.high, std::exp(2.92 * 0.1 / std::sqrt(3)), 1e-4);
  EXPECT_NEAR(spread.low * spread.high, 1, 1e-12);
  EXPECT_TRUE(std::isinf(cost_ratio(Pairs{{1, 2}}).high));
}

// Equal configs are called cheaper, or dearer, in one of twenty comparisons each; what a pair
// shares does not matter.
TEST(CostRatio, EqualConfigsAreRarelyCalledDifferent) {
  std::mt19937_64 rng(3);
  std::normal_distribution<double> noise(0, 0.05), shared(0, 0.5);
  int cheaper = 0, dearer = 0;
  constexpr int kRuns = 4000;
  for (int run = 0; run < kRuns; ++run) {
    Pairs pairs;
    for (int i = 0; i < 4; ++i) {
      const double minute = shared(rng);
      pairs.emplace_back(std::exp(minute + noise(rng)), std::exp(minute + noise(rng)));
    }
    const Estimate r = cost_ratio(pairs);
    cheaper += r.high < 1;
    dearer += r.low > 1;
  }
  EXPECT_NEAR(cheaper, kRuns / 20, 45);
  EXPECT_NEAR(dearer, kRuns / 20, 45);
}

TEST(CostRatio, AThreePercentSlowdownIsFound) {
  std::mt19937_64 rng(5);
  std::normal_distribution<double> noise(0, 0.01);
  int found = 0;
  for (int run = 0; run < 200; ++run) {
    Pairs pairs;
    for (int i = 0; i < 5; ++i)
      pairs.emplace_back(1.03 * std::exp(noise(rng)), std::exp(noise(rng)));
    found += cost_ratio(pairs).low > 1;
  }
  EXPECT_GT(found, 180);
}

}  // namespace
}  // namespace paretune
