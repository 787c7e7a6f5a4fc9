#include "workloads/slo.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paretune {
namespace {

TEST(SamplesNeeded, IsTheSmallestNumberThatBoundsThePercentile) {
  EXPECT_EQ(samples_needed(50), 5);
  EXPECT_EQ(samples_needed(95), 59);
  EXPECT_EQ(samples_needed(99), 299);
  EXPECT_EQ(samples_needed(99.9), 2995);
  for (const Percentile& p : kPercentiles) {
    EXPECT_LE(std::pow(p.percent / 100, samples_needed(p.percent)), 0.05) << p.name;
    EXPECT_GT(std::pow(p.percent / 100, samples_needed(p.percent) - 1), 0.05) << p.name;
  }
}

TEST(RequestLimit, IsTheLoosestBoundOfTheMetric) {
  const Slo slo{.bounds = {{&kTtft, kPercentiles[0], 100},
                           {&kTtft, kPercentiles[3], 400},
                           {&kE2e, kPercentiles[2], 9}}};
  EXPECT_EQ(request_limit_ms(slo, kTtft), 400);
  EXPECT_EQ(request_limit_ms(slo, kE2e), 9);
  EXPECT_EQ(request_limit_ms(slo, kItl), std::nullopt);
}

}  // namespace
}  // namespace paretune
