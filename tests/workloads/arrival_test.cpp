#include "workloads/arrival.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paretune {
namespace {

struct Moments {
  double mean = 0;
  double cv = 0;  // standard deviation over mean
};

Moments gaps(const ArrivalSpec& spec, int n) {
  RandomEngine rng(3);
  double sum = 0, sum2 = 0;
  for (int i = 0; i < n; ++i) {
    const double gap = spec.process->unit_gap(spec, rng);
    EXPECT_GE(gap, 0);
    sum += gap;
    sum2 += gap * gap;
  }
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(0.0, sum2 / n - mean * mean)) / mean};
}

constexpr int kDraws = 100'000;

TEST(Arrivals, EveryProcessOfGapsHasMeanOne) {
  for (const ArrivalProcess* process : kArrivals)
    if (process->unit_gap) {
      EXPECT_NEAR(gaps({.process = process}, kDraws).mean, 1, 5 / std::sqrt(kDraws))
          << process->name;
    }
}

TEST(Arrivals, GammaHasTheVariationOfItsBurstiness) {
  for (const double burstiness : {0.25, 0.5, 1.0, 4.0}) {
    const Moments m = gaps({.process = &kGamma, .burstiness = burstiness}, kDraws);
    EXPECT_NEAR(m.mean, 1, 5 / std::sqrt(burstiness * kDraws)) << burstiness;
    EXPECT_NEAR(m.cv, 1 / std::sqrt(burstiness), 0.03 / std::sqrt(burstiness)) << burstiness;
  }
}

TEST(Arrivals, PoissonIsExponentialAndConstantIsEven) {
  EXPECT_NEAR(gaps({.process = &kPoisson}, kDraws).cv, 1, 0.02);
  EXPECT_EQ(gaps({.process = &kConstant}, 10).cv, 0);
}

}  // namespace
}  // namespace paretune
