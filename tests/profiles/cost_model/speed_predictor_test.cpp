#include "profiles/cost_model/speed_predictor.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/profiles/cost_model/planted_cost.h"
#include "tests/profiles/cost_model/planted_times.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

class SpeedPredictorTest : public testing::Test {
 protected:
  SpeedPredictorTest() { std::iota(vocabulary_.begin(), vocabulary_.end(), 1); }
  SpeedPredictor predictor(Workload workload = short_requests(), double products = 1) {
    CostFit fit = unfitted();
    fit.amounts[kProducts] = products;
    fit.amounts[kStep] = 1e-4;
    return {CostModel(CostTerms(target_, {}, planted_times(target_)), fit), std::move(workload), 1,
            vocabulary_};
  }
  const Target target_{this_machine(), open_model(kDemoModel)->shape()};
  std::vector<std::int32_t> vocabulary_ = std::vector<std::int32_t>(50);
};

TEST_F(SpeedPredictorTest, CapacityIsTheSimulationsOwn) {
  SpeedPredictor p = predictor();
  for (const DeployConfig& config : planted_configs(target_)) {
    const LoadMetrics simulated = p.simulate(config, p.saturation(config));
    const SpeedEstimate estimate = p.estimate(config, 10);
    for (std::size_t i = 0; i < simulated.size(); ++i)
      EXPECT_NEAR(estimate.saturated[i], simulated[i], 1e-3 * simulated[i]);
    EXPECT_EQ(estimate.max_rate, estimate.capacity);  // no limits
  }
}

TEST_F(SpeedPredictorTest, TracesRankAsTheSimulationDoes) {
  SpeedPredictor p = predictor();
  const double rate = 0.6 * p.estimate(default_config(target_), 1).capacity;
  std::vector<LoadMetrics> traced, simulated;
  for (const DeployConfig& config : planted_configs(target_)) {
    traced.push_back(p.estimate(config, rate).at_rate);
    simulated.push_back(p.simulate(config, {.rate = rate}));
  }
  const PredictionErrors errors = prediction_errors(traced, simulated);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    SCOPED_TRACE(std::string(kLoadMetrics[i].name));
    EXPECT_LT(errors[i].median, 0.1);
    // Every config that keeps up serves the rate it is given.
    if (kLoadMetrics[i].latency) {
      EXPECT_GT(errors[i].rank_correlation, 0.9);
    }
  }
}

// The same whoever was asked about first.
TEST_F(SpeedPredictorTest, EstimatesDoNotDependOnTheirOrder) {
  std::vector<DeployConfig> configs = planted_configs(target_);
  SpeedPredictor forward = predictor(), backward = predictor();
  std::vector<LoadMetrics> a, b;
  for (const DeployConfig& config : configs) a.push_back(forward.estimate(config, 50).at_rate);
  std::ranges::reverse(configs);
  for (const DeployConfig& config : configs) b.push_back(backward.estimate(config, 50).at_rate);
  std::ranges::reverse(b);
  EXPECT_EQ(a, b);
}

TEST_F(SpeedPredictorTest, DearerStepsServeLess) {
  const DeployConfig config = default_config(target_);
  const double cheap = predictor().estimate(config, 1).capacity,
               dear = predictor(short_requests(), 3).estimate(config, 1).capacity;
  EXPECT_LT(dear, cheap);
  EXPECT_GT(dear, cheap / 3);
}

// Nobody waits for time to pass, so a trace of requests in flight is the simulation itself.
TEST_F(SpeedPredictorTest, RequestsInFlightAreTheSimulationsOwn) {
  Workload w = short_requests();
  w.objective = {.metric = &kE2e, .percentile = kPercentiles[2]};
  SpeedPredictor p = predictor(w);
  for (const DeployConfig& config : planted_configs(target_)) {
    const LoadLevel level{.concurrency = 3};
    const LoadMetrics simulated = p.simulate(config, level);
    const SpeedEstimate estimate = p.estimate(config, level);
    for (std::size_t i = 0; i < simulated.size(); ++i)
      EXPECT_NEAR(estimate.at_rate[i], simulated[i], 1e-3 * simulated[i]);
    EXPECT_EQ(estimate.objective_ms, estimate.at_rate[4]);
    // A full batch serves more, and nothing limits it.
    EXPECT_GE(estimate.output_tokens_per_s, estimate.at_rate[0]);
    EXPECT_TRUE(estimate.meets_slo);
  }
  w.slo.bounds = {{&kTtft, kPercentiles[2], 1e-3}};
  const SpeedEstimate none = predictor(w).estimate(default_config(target_), {.concurrency = 3});
  EXPECT_FALSE(none.meets_slo);
  EXPECT_EQ(none.max_rate, 0);
  EXPECT_EQ(none.output_tokens_per_s, none.at_rate[0]);
}

// The highest rate is where the limit is reached, not the nearest traced load below it.
TEST_F(SpeedPredictorTest, HighestRateLiesBetweenTracedLoads) {
  const DeployConfig config = default_config(target_);
  const SpeedEstimate free = predictor().estimate(config, 1);
  std::set<double> rates;
  for (const double ms : {1.0, 1.1, 1.2, 1.3, 1.4}) {
    Workload w = short_requests();
    w.slo.bounds = {{&kTtft, kPercentiles[2], ms * free.at_rate[6]}};
    rates.insert(predictor(w).estimate(config, 1).max_rate);
  }
  EXPECT_GE(rates.size(), 4u);
}

TEST_F(SpeedPredictorTest, TighterLimitsAllowLowerRates) {
  const DeployConfig config = default_config(target_);
  const SpeedEstimate free = predictor().estimate(config, 1);
  double before = free.capacity * 1.2;
  for (const double times : {4.0, 1.0, 0.25, 1e-3}) {
    Workload w = short_requests();
    w.slo.bounds = {{&kTtft, kPercentiles[2], times * free.saturated[6]}};
    const double rate = predictor(w).estimate(config, 1).max_rate;
    EXPECT_LE(rate, before);
    before = rate;
  }
  EXPECT_EQ(before, 0);  // nothing keeps a thousandth
}

}  // namespace
}  // namespace paretune
