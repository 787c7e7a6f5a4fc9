#include "optimizer/drift.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

Trial trial(int id, double cost, double latency_ms, double canary_s) {
  Trial t{.id = id};
  t.objectives = {cost, latency_ms, 0.01};
  t.feasible = true;
  t.slowdown = slowdown(canary_s, 0.020);
  return t;
}

TEST(Drift, IsWhatTheCanaryTookBeyondItsNoise) {
  EXPECT_EQ(slowdown(0.021, 0.020), 1);
  EXPECT_EQ(slowdown(0.019, 0.020), 1);
  EXPECT_EQ(slowdown(0, 0.020), 1);
  EXPECT_EQ(slowdown(0.020, 0), 1);
  EXPECT_DOUBLE_EQ(slowdown(0.026, 0.020), 1.3);
  EXPECT_DOUBLE_EQ(slowdown(0.015, 0.020), 0.75);
}

TEST(Drift, IsTakenOutOfCostAndLatency) {
  Study study;
  study.trials = {trial(0, 10, 20, 0.020), trial(1, 5, 10, 0.020), trial(2, 8, 16, 0.040)};
  EXPECT_DOUBLE_EQ(without_drift(study.trials[2]).usd_per_million_output_tokens, 4);
  EXPECT_DOUBLE_EQ(without_drift(study.trials[2]).latency_ms, 8);
  EXPECT_EQ(without_drift(study.trials[2]).kl_divergence, 0.01);
}

TEST(Drift, IsToldOfWhereItMatters) {
  Study study;
  study.trials = {trial(0, 10, 20, 0.020), trial(1, 5, 10, 0.0205)};
  EXPECT_EQ(drift_text(study), "");
  study.trials.push_back(trial(2, 8, 16, 0.040));
  EXPECT_NE(drift_text(study).find("beside 1 of 3 trials"), std::string::npos) << drift_text(study);
  EXPECT_NE(drift_text(study).find("1.00 to 2.00 times"), std::string::npos) << drift_text(study);
  // Where it was the default's moment that was odd, the others are as usual.
  study.trials = {trial(0, 10, 20, 0.020), trial(1, 5, 10, 0.040), trial(2, 8, 16, 0.041)};
  EXPECT_NE(drift_text(study).find("beside 1 of 3 trials"), std::string::npos) << drift_text(study);
}

TEST(Drift, WhatTheHostTookIsTold) {
  Study study;
  study.trials = {trial(0, 10, 20, 0.020), trial(1, 5, 10, 0.020)};
  study.trials[1].measurement.speed.at_workload.steal_fraction = 0.01;
  EXPECT_EQ(drift_text(study), "");
  study.trials[1].measurement.speed.at_max_rate.steal_fraction = 0.116;
  EXPECT_EQ(drift_text(study),
            "the machine's host gave up to 12 % of the cores' time to others during runs");
  study.trials.push_back(trial(2, 8, 16, 0.040));
  EXPECT_NE(drift_text(study).find("beside 1 of 3 trials"), std::string::npos);
  EXPECT_NE(drift_text(study).find("; the machine's host gave up to 12 %"), std::string::npos);
  study.trials[0].measurement.speed.at_workload.others_fraction = 0.5;
  EXPECT_NE(drift_text(study).find("runs; other processes took up to 50 % of the cores' time"),
            std::string::npos)
      << drift_text(study);
}

}  // namespace
}  // namespace paretune
