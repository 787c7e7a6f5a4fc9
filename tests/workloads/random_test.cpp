#include "workloads/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace paretune {
namespace {

double normal_cdf(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  // Both tails, both sides of the seams of AS 241 at |p - 0.5| = 0.425 and r = 5 (p = e^-25).
  for (double p = 1e-16; p < 0.5; p *= 1.5) {
    EXPECT_NEAR(normal_cdf(normal_quantile(p)) / p, 1, 1e-13) << p;
    if (p > 1e-8) {  // 1 - p has rounding of its own
      EXPECT_NEAR(normal_quantile(1 - p), -normal_quantile(p), 1e-7) << p;
    }
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-15);
}

TEST(Uniform, LiesInTheUnitIntervalAndIsThePromisedDraw) {
  RandomEngine rng(
      5489);  // the standard says: the 10000th draw of the default engine is 9981545732273789042
  double u = 0;
  for (int i = 0; i < 10000; ++i) {
    u = uniform01(rng);
    ASSERT_TRUE(u >= 0 && u < 1);
  }
  EXPECT_EQ(u, double(9981545732273789042u >> 11) * 0x1p-53);
}

TEST(DeriveSeed, NeighboursDiffer) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    for (std::uint64_t stream = 0; stream < 100; ++stream) seen.insert(derive_seed(seed, stream));
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(GammaDraw, HasMeanAndVarianceOfItsShape) {
  constexpr int kDraws = 100'000;
  for (const double shape : {0.1, 0.5, 1.0, 2.0, 10.0}) {
    RandomEngine rng(1);
    double sum = 0, sum2 = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = gamma_draw(shape, rng);
      ASSERT_GE(x, 0);
      sum += x;
      sum2 += x * x;
    }
    const double mean = sum / kDraws, variance = sum2 / kDraws - mean * mean;
    // Standard errors: of the mean sqrt(shape / n), of the variance sqrt((2 shape² + 6 shape) / n);
    // five of them.
    EXPECT_NEAR(mean, shape, 5 * std::sqrt(shape / kDraws)) << shape;
    EXPECT_NEAR(variance, shape, 5 * std::sqrt((2 * shape * shape + 6 * shape) / kDraws)) << shape;
  }
}

}  // namespace
}  // namespace paretune
