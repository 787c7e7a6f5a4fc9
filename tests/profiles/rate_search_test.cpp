#include "profiles/rate_search.h"

#include <gtest/gtest.h>

#include "profiles/statistics.h"

namespace paretune {
namespace {

const Slo kLimits{.bounds = {{.metric = &kTtft, .percentile = kPercentiles[2], .max_ms = 100}}};

// A run whose TTFT has this p95, and this upper end of its interval.
LoadRun run_at(double rate, double p95, double upper, int samples = 200) {
  LoadRun run{.offered_rate = rate, .output_tokens_per_s = 10 * rate};
  run.latency.ttft_ms.samples = samples;
  run.latency.ttft_ms.percentiles[2] = {.value = p95, .low = 0, .high = upper};
  run.meets_slo = p95 <= 100;
  return run;
}

TEST(IsotonicFitTest, PoolsWhatDescends) {
  EXPECT_EQ(isotonic_fit(std::vector<double>{}), std::vector<double>{});
  EXPECT_EQ(isotonic_fit(std::vector<double>{1, 2, 2, 3}), (std::vector<double>{1, 2, 2, 3}));
  EXPECT_EQ(isotonic_fit(std::vector<double>{1, 5, 3, 6}), (std::vector<double>{1, 4, 4, 6}));
  EXPECT_EQ(isotonic_fit(std::vector<double>{4, 5, 0}), (std::vector<double>{3, 3, 3}));
}

TEST(RateSearchTest, TheUpperEndOfTheIntervalHasToKeepTheLimit) {
  EXPECT_DOUBLE_EQ(use_of_limits(run_at(1, 50, 80), kLimits), 0.8);
  // Too few samples for an interval: the percentile itself.
  EXPECT_DOUBLE_EQ(use_of_limits(run_at(1, 50, 80, 20), kLimits), 0.5);
  EXPECT_EQ(unsure_limit(run_at(1, 50, 80), kLimits), "");
  EXPECT_EQ(unsure_limit(run_at(1, 90, 130), kLimits),
            "ttft_ms p95, upper end of its interval: 130 > 100");
  EXPECT_EQ(unsure_limit(run_at(1, 120, 130), kLimits), "") << "missed, not unsure";

  const std::vector<LoadRun> runs{run_at(1, 50, 80), run_at(2, 90, 130)};
  const RateBracket bracket = bracket_rate(runs, kLimits, false);
  EXPECT_EQ(bracket.best, &runs[0]);
  EXPECT_EQ(bracket.kept, 1);
  EXPECT_EQ(bracket.missed, 2);
}

TEST(RateSearchTest, ALuckyRunAboveAMissedLoadIsNotBelieved) {
  const std::vector<LoadRun> lucky{run_at(1, 50, 60), run_at(2, 250, 300), run_at(3, 80, 90)};
  EXPECT_EQ(bracket_rate(lucky, kLimits, false).kept, 1);
  EXPECT_EQ(bracket_rate(lucky, kLimits, false).missed, 2);
  // One spike below loads that keep the limit with ease is not believed either.
  const std::vector<LoadRun> spike{run_at(3, 40, 50), run_at(2, 101, 110), run_at(1, 30, 40)};
  const RateBracket bracket = bracket_rate(spike, kLimits, false);
  EXPECT_EQ(bracket.best, &spike[0]);
  EXPECT_EQ(bracket.missed, std::numeric_limits<double>::infinity());
}

TEST(RateSearchTest, WhatMissesForAnotherReasonIsNotKept) {
  LoadRun refused = run_at(1, 10, 20);
  refused.meets_slo = false;
  EXPECT_GT(use_of_limits(refused, kLimits), 1);
  EXPECT_EQ(bracket_rate(std::vector{refused}, kLimits, false).best, nullptr);
  const LoadRun free = run_at(1, 1e6, 1e6);
  EXPECT_EQ(use_of_limits(run_at(1, 10, 20), {}), 0);
  EXPECT_LT(use_of_limits(free, {.attainment_fraction = 0.9}), 2);
}

TEST(RateSearchTest, OfTheLoadsThatKeepItTheOneWithTheMostTokens) {
  std::vector<LoadRun> runs{run_at(0, 50, 60), run_at(0, 70, 80)};
  runs[0].concurrency = 4;
  runs[1].concurrency = 8;
  runs[0].output_tokens_per_s = 100;
  runs[1].output_tokens_per_s = 90;
  const RateBracket bracket = bracket_rate(runs, kLimits, true);
  EXPECT_EQ(bracket.best, &runs[0]);
  EXPECT_EQ(bracket.kept, 8);
}

TEST(RateSearchTest, TheRankOfTheUpperEndIsThatOfPercentile) {
  for (const int n : {20, 58, 59, 60, 128, 1000}) {
    std::vector<double> sorted;
    for (int i = 1; i <= n; ++i) sorted.push_back(i);
    const int rank = upper_rank(n, 0.95);
    EXPECT_EQ(rank == 0 ? std::numeric_limits<double>::infinity() : rank,
              percentile(sorted, 0.95).high);
  }
}

}  // namespace
}  // namespace paretune
