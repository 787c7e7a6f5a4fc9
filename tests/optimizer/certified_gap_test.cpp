#include "optimizer/certified_gap.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "optimizer/judge.h"
#include "tests/profiles/cost_model/planted_cost.h"
#include "tests/profiles/cost_model/planted_times.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

// Products that take what reading their weights does, once for 64 rows.
OperatorTimes times_by_bytes(const Target& target) {
  OperatorTimes times;
  planted_times(target).for_each_product([&](const ProductKey& key, int m, double) {
    const double bytes = double(key.weights->packed_bytes(key.n, key.k));
    times.add(key, m, bytes / 10e9 / key.threads * std::max(1.0, m / 64.0));
  });
  return times;
}

class CertifiedGapTest : public testing::Test {
 protected:
  CertifiedGapTest() {
    study_.workload = short_requests();
    study_.workload.cost.usd_per_hour = 1;
    study_.workload.objective = {.metric = &kTtft, .percentile = kPercentiles[2]};
    study_.workload.quality.floors.max_kl_divergence = 0.05;
    const auto treatment = [](const char* text) { return parse_treatment(text, "test"); };
    study_.sensitivity = {{LayerKind::qkv, treatment("int8"), 1e-4, 1e-5},
                          {LayerKind::down, treatment("int4_g32"), 4e-2, 1e-3},
                          {LayerKind::qkv, treatment("int2_g64"), 4, 0.1}};
  }
  static Policy policy(const char* text) { return parse_policy(text, "test"); }
  Objectives bounds(const char* text) const {
    return lower_bounds(policy(text), speeds_, study_.sensitivity, 1);
  }
  // As measured this many times over its bounds.
  void add_trial(const char* text, double over, double kl) {
    Trial trial{.id = int(study_.trials.size())};
    trial.config.weights = policy(text);
    trial.objectives = bounds(text);
    trial.objectives.usd_per_million_output_tokens *= over;
    trial.objectives.latency_ms *= over;
    trial.objectives.kl_divergence = kl;
    trial.feasible = study_.feasible = true;
    study_.trials.push_back(trial);
  }

  const Target target_{this_machine(), open_model(kDemoModel)->shape()};
  const SpeedBounds speeds_{times_by_bytes(target_), target_, short_requests(), 1};
  Study study_;
};

TEST_F(CertifiedGapTest, LossesAreBoundedByTheMostHarmfulTreatment) {
  EXPECT_EQ(bounds("all=bf16").kl_divergence, 0);
  EXPECT_DOUBLE_EQ(bounds("all=int8").kl_divergence, 0.5 * (1e-4 - 2e-5));
  EXPECT_DOUBLE_EQ(bounds("all=int8,down=int4_g32").kl_divergence, 0.5 * (4e-2 - 2e-3));
  EXPECT_GT(bounds("all=bf16").usd_per_million_output_tokens,
            bounds("all=int8").usd_per_million_output_tokens);
}

TEST_F(CertifiedGapTest, NothingIsMissingWhereTheBoundsAreMet) {
  add_trial("all=bf16", 1, 0);
  const Policy known[]{policy("all=bf16")};
  const auto gap = certified_gap(study_, known, speeds_);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->broken, 0);
  EXPECT_EQ(gap->policies, 1);
  EXPECT_DOUBLE_EQ(gap->reached, gap->reachable);
  EXPECT_EQ(gap->share(), 0);
}

TEST_F(CertifiedGapTest, AnUntriedFasterPolicyIsMissing) {
  add_trial("all=bf16", 1, 1e-3);
  const Policy both[]{policy("all=bf16"), policy("all=int8")};
  const double gap = certified_gap(study_, both, speeds_)->share();
  EXPECT_GT(gap, 0.05);
  add_trial("all=int8", 1.1, 1e-4);
  const double smaller = certified_gap(study_, both, speeds_)->share();
  EXPECT_LT(smaller, gap);
  EXPECT_GT(smaller, 0);
}

TEST_F(CertifiedGapTest, WhatCannotKeepTheFloorIsLeftOut) {
  add_trial("all=bf16", 1, 0);
  const Policy lossy[]{policy("all=bf16,qkv=int2_g64")};
  const auto gap = certified_gap(study_, lossy, speeds_);
  EXPECT_EQ(gap->policies, 0);
  EXPECT_EQ(gap->share(), 0);
}

TEST_F(CertifiedGapTest, ATrialBelowItsBoundVoidsIt) {
  add_trial("all=bf16", 1, 0);
  add_trial("all=int8", 0.9, 1e-4);
  study_.certified = certified_gap(study_, {}, speeds_);
  EXPECT_EQ(study_.certified->broken, 1);
  EXPECT_NE(certified_text(study_).find("Nothing is certified: 1 trials"), std::string::npos);
}

TEST_F(CertifiedGapTest, WithoutADefaultThereIsNoBox) {
  EXPECT_EQ(certified_gap(study_, {}, speeds_), std::nullopt);
}

}  // namespace
}  // namespace paretune
