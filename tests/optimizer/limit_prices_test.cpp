#include "optimizer/limit_prices.h"

#include <gtest/gtest.h>

#include "optimizer/judge.h"
#include "profiles/speed.h"

namespace paretune {
namespace {

LoadRun run(double tokens_per_s, double ttft_ms, bool meets) {
  LoadRun r{.requests = 64, .request_rate = tokens_per_s / 10, .output_tokens_per_s = tokens_per_s};
  for (auto& p : r.latency.ttft_ms.percentiles) p = {ttft_ms, ttft_ms, ttft_ms};
  r.meets_slo = meets;
  if (!meets) r.missed = "ttft_ms p95: 105 > 100";
  return r;
}

// Meets the limit at 100 tokens/s, and misses it by 5 % at 200.
Trial trial(int id, double kl, int requests_of_the_miss = 64) {
  Trial t{.id = id};
  Speed& s = t.measurement.speed;
  s.rate_search = {run(100, 50, true), run(200, 105, false)};
  s.rate_search[1].requests = requests_of_the_miss;
  s.at_workload = s.at_max_rate = s.rate_search[0];
  s.max_rate = 10;
  t.measurement.quality.kl_divergence = kl;
  t.measurement.seconds = 1;
  return t;
}

std::vector<LimitPrice> prices(std::vector<Trial> trials) {
  Study s;
  s.workload.slo.bounds = {{&kTtft, kPercentiles[2], 100}};
  s.workload.objective = {&kTtft, kPercentiles[2]};
  s.workload.quality.floors.max_kl_divergence = 0.01;
  s.workload.cost.usd_per_hour = 1;
  s.workload.num_requests = 64;
  for (Trial& t : trials) {
    price(t.measurement.speed, 1);
    judge_trial(t, s.workload);
    s.trials.push_back(t);
  }
  conclude(s);
  return s.prices;
}

TEST(LimitPrices, TheRateThatMissedByLittleCountsThen) {
  const auto all = prices({trial(0, 0.001)});
  ASSERT_EQ(all.size(), 4u);  // what answers may lose has a default
  EXPECT_EQ(all[0].limit, "ttft_ms p95 <= 100");
  EXPECT_EQ(all[0].relaxed, "110");
  EXPECT_NEAR(all[0].saving, 0.5, 1e-9);
  EXPECT_EQ(all[0].trial, 0);
  EXPECT_EQ(all[1].limit, "KL divergence <= 0.01");
  EXPECT_EQ(all[1].saving, 0);
}

TEST(LimitPrices, TheFrontGainsWhatItsHypervolumeDoes) {
  // At half the cost, and a hundredth above the floor on the loss.
  Trial other = trial(1, 0.0101);
  Speed& speed = other.measurement.speed;
  speed.rate_search = {run(200, 50, true), run(400, 105, false)};
  speed.at_workload = speed.at_max_rate = speed.rate_search[0];
  const auto all = prices({trial(0, 0.001), other});
  EXPECT_EQ(all[1].limit, "KL divergence <= 0.01");
  // Losses are in units of 0.0101: (2 - 1) (2 - 1) (1.1 - .099) before, and beside it the other's
  // (2 - .5) (2 - 1) (1.1 - 1), which overlap in 1 * 1 * .1.
  const double before = 1.1 - 0.001 / 0.0101;
  EXPECT_NEAR(all[1].front_gain, (1.5 * 0.1 - 0.1) / before, 1e-6);
}

TEST(LimitPrices, AttainmentHasAPriceToo) {
  Study s;
  s.workload.slo = {.bounds = {}, .attainment_fraction = 0.9};
  s.workload.slo.bounds = {{&kTtft, kPercentiles[2], 1000}};
  s.workload.objective = {&kTtft, kPercentiles[2]};
  s.workload.num_requests = 64;
  s.trials = {trial(0, 0.001)};
  conclude(s);
  ASSERT_GE(s.prices.size(), 2u);
  EXPECT_EQ(s.prices[1].limit, "SLO attainment >= 0.9");
  EXPECT_EQ(s.prices[1].relaxed, "0.81");
}

TEST(LimitPrices, ARunThatWasGivenUpIsNotJudgedAgain) {
  EXPECT_EQ(prices({trial(0, 0.001, 20)})[0].saving, 0);
}

TEST(LimitPrices, AConfigJustBelowTheFloorMakesItFeasible) {
  const auto all = prices({trial(0, 0.0105)});
  EXPECT_FALSE(all[0].makes_feasible);
  EXPECT_EQ(all[0].trial, -1);
  EXPECT_TRUE(all[1].makes_feasible);
  EXPECT_EQ(all[1].trial, 0);
  EXPECT_EQ(all.size(), 3u);  // nothing is known of more time
}

TEST(LimitPrices, TheLastTenthOfTheTimeIsThePriceOfTime) {
  Trial late = trial(1, 0.001);
  late.measurement.speed.at_max_rate.output_tokens_per_s = 400;
  const auto all = prices({trial(0, 0.001), late});
  EXPECT_NEAR(all.back().saving, 0.75, 1e-9);
}

}  // namespace
}  // namespace paretune
