#include "optimizer/intervals.h"

#include <gtest/gtest.h>

#include "optimizer/judge.h"

namespace paretune {
namespace {

Trial trial(int id, double cost, double cost_spread, double kl) {
  Trial t{.id = id};
  Speed& s = t.measurement.speed;
  s.usd_per_million_output_tokens = cost;
  s.cost = {cost, cost - cost_spread, cost + cost_spread};
  s.max_rate = 10;
  for (auto& p : s.at_workload.latency.ttft_ms.percentiles) p = {40, 35, 45};
  t.measurement.quality.kl_divergence = kl;
  t.measurement.quality.kl_standard_error = kl / 10;
  return t;
}

Study study(std::vector<Trial> trials) {
  Study s;
  s.workload.objective = {&kTtft, kPercentiles[2]};
  for (Trial& t : trials) {
    judge_trial(t, s.workload);
    s.trials.push_back(t);
  }
  conclude(s);
  return s;
}

TEST(Intervals, WhatOverlapsEverywhereTies) {
  // 1 and 2 differ by less than their spreads; 3 is surely cheaper; 0 surely loses less.
  const Study s = study({trial(0, 4, 0.1, 1e-6), trial(1, 2, 0.3, 1e-3), trial(2, 2.2, 0.3, 1.1e-3),
                         trial(3, 1, 0.1, 5e-3)});
  EXPECT_EQ(s.front, (std::vector<int>{3, 1, 0}));
  EXPECT_EQ(s.ties, (std::vector<TieGroup>{{1, {2}}}));
}

TEST(Intervals, TheSameConfigTwiceIsATieAndNoneIsAlone) {
  const Study s = study({trial(0, 4, 0, 1e-3), trial(1, 4, 0, 1e-3)});
  EXPECT_EQ(s.front.size(), 2u);
  EXPECT_EQ(s.ties, (std::vector<TieGroup>{{0, {1}}, {1, {0}}}));
  EXPECT_TRUE(study({trial(0, 4, 1, 1e-3)}).ties.empty());
}

TEST(Intervals, NoSpreadIsThePointItself) {
  Trial t = trial(0, 4, 0, 0);
  t.measurement.speed.cost = {};
  judge_trial(t, study({trial(0, 4, 0, 0)}).workload);
  EXPECT_EQ(cost_estimate(t).low, 4);
  EXPECT_EQ(cost_estimate(t).high, 4);
  EXPECT_EQ(latency_estimate(t, {&kTtft, kPercentiles[2]}).high, 45);
  EXPECT_EQ(quality_estimate(t).high, 0);
}

}  // namespace
}  // namespace paretune
