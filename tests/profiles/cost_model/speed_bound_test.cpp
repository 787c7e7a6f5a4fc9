#include "profiles/cost_model/speed_bound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "profiles/cost_model/speed_predictor.h"
#include "tests/profiles/cost_model/planted_cost.h"
#include "tests/profiles/cost_model/planted_times.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

class SpeedBoundTest : public testing::Test {
 protected:
  SpeedBoundTest() { std::iota(vocabulary_.begin(), vocabulary_.end(), 1); }
  SpeedBounds bounds(const Workload& w) const { return {planted_times(target_), target_, w, 1}; }
  static Workload workload(const LatencyMetric& metric) {
    Workload w = short_requests();
    w.num_requests = 200;
    w.objective = {.metric = &metric, .percentile = kPercentiles[2]};
    return w;
  }
  const Target target_{this_machine(), open_model(kDemoModel)->shape()};
  std::vector<std::int32_t> vocabulary_ = std::vector<std::int32_t>(50);
};

// An engine whose steps take what their products take and nothing else is as fast as can be.
TEST_F(SpeedBoundTest, NoSimulatedConfigBeatsIt) {
  for (const LatencyMetric& metric : kLatencyMetrics) {
    SCOPED_TRACE(metric.name);
    const Workload w = workload(metric);
    CostFit fit{};
    fit.amounts[kProducts] = 1;
    SpeedPredictor predictor(CostModel(CostTerms(target_, {}, planted_times(target_)), fit), w, 1,
                             vocabulary_);
    const SpeedBounds bounds = this->bounds(w);
    double nearest = 0;
    for (const DeployConfig& config : planted_configs(target_)) {
      const SpeedBound bound = bounds.of(config.weights);
      const SpeedEstimate estimate = predictor.estimate(config, 50);
      EXPECT_LE(estimate.output_tokens_per_s, bound.output_tokens_per_s);
      EXPECT_GE(estimate.objective_ms * (1 + 1e-6), bound.latency_ms);
      nearest = std::max(nearest, estimate.output_tokens_per_s / bound.output_tokens_per_s);
    }
    EXPECT_GT(nearest, 0.3) << "a bound so loose says nothing";
  }
}

TEST_F(SpeedBoundTest, WhatPromptsShareMayCostNothing) {
  Workload w = workload(kTtft);
  const Policy policy = parse_policy("all=int8", "test");
  const SpeedBound alone = bounds(w).of(policy);
  w.traffic[0].prefix = {.prefix_len = 59, .num_groups = 1};
  const SpeedBound shared = bounds(w).of(policy);
  EXPECT_GT(shared.output_tokens_per_s, alone.output_tokens_per_s);
  EXPECT_LT(shared.latency_ms, alone.latency_ms);
  EXPECT_GT(shared.latency_ms, 0);
}

TEST_F(SpeedBoundTest, WhatWasNotTimedBoundsNothing) {
  const SpeedBound bound = bounds(workload(kTtft)).of(parse_policy("all=nf4_g64", "test"));
  EXPECT_TRUE(std::isinf(bound.output_tokens_per_s) || bound.output_tokens_per_s > 0);
  const SpeedBounds none(OperatorTimes{}, target_, workload(kTtft), 1);
  EXPECT_TRUE(std::isinf(none.of(Policy{}).output_tokens_per_s));
  EXPECT_EQ(none.of(Policy{}).latency_ms, 0);
}

}  // namespace
}  // namespace paretune
