#include "profiles/cost_model/load_trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/profiles/cost_model/planted_cost.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

class LoadTraceTest : public testing::Test {
 protected:
  LoadTraceTest() { std::iota(vocabulary_.begin(), vocabulary_.end(), 1); }
  LoadTrace trace(const StepCost& cost, const LoadLevel& level) {
    return {shape_, config_, cost, short_requests(), level, 1, vocabulary_};
  }
  // Of a trace that was made under `made` what it says of `asked` is what a trace of that says.
  void expect_as_simulated(const TracedRun& found, const LoadRun& expected) {
    EXPECT_NEAR(found.output_tokens_per_s, expected.output_tokens_per_s,
                1e-5 * expected.output_tokens_per_s);
    EXPECT_NEAR(found.request_rate, expected.request_rate, 1e-5 * expected.request_rate);
    TracedRun copy = found;
    for (const auto& [values, distribution] :
         {std::pair(&copy.ttft_ms, &expected.latency.ttft_ms),
          std::pair(&copy.tpot_ms, &expected.latency.tpot_ms),
          std::pair(&copy.e2e_ms, &expected.latency.e2e_latency_ms)}) {
      EXPECT_EQ(static_cast<int>(values->size()), distribution->samples);
      for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
        const double value = distribution->percentiles[i].value;
        EXPECT_NEAR(quantile(*values, kPercentiles[i].percent / 100), value, 1e-4 * value);
      }
    }
  }
  const ModelShape shape_ = open_model(kDemoModel)->shape();
  const DeployConfig config_ = default_config({this_machine(), shape_});
  std::vector<std::int32_t> vocabulary_ = std::vector<std::int32_t>(50);
  TracedRun run_;
};

TEST_F(LoadTraceTest, OfItsOwnCostItSaysWhatTheSimulationDid) {
  for (const LoadLevel& level :
       {LoadLevel{.rate = 20}, LoadLevel{.rate = 500}, LoadLevel{.concurrency = 6}}) {
    const LoadTrace made = trace(planted_cost(), level);
    made.recost(planted_cost(), 1, run_);
    expect_as_simulated(run_, made.run());
  }
}

// A closed loop's schedule does not depend on what steps take.
TEST_F(LoadTraceTest, AClosedLoopIsExactUnderAnyCost) {
  StepCost other = planted_cost();
  other.phases[0] *= 7;
  other.phases[1].add_table(kLogitRowsAt, [](int m) { return 1e-4 * m; });
  trace(planted_cost(), {.concurrency = 6}).recost(other, 1, run_);
  expect_as_simulated(run_, trace(other, {.concurrency = 6}).run());
}

// Everything twice as slow, arrivals as well.
TEST_F(LoadTraceTest, AnOpenLoopIsExactWhereAllStepsStretchAlike) {
  StepCost slow = planted_cost();
  for (PhaseCost& phase : slow.phases) phase *= 2;
  trace(planted_cost(), {.rate = 100}).recost(slow, 2, run_);
  expect_as_simulated(run_, trace(slow, {.rate = 50}).run());
}

TEST(QuantileTest, ByNearestRank) {
  std::vector<float> values{5, 1, 4, 2, 3};
  EXPECT_EQ(quantile(values, 0.5), 3);
  EXPECT_EQ(quantile(values, 0.95), 5);
  EXPECT_EQ(quantile(values, 0), 1);
  std::vector<float> none;
  EXPECT_EQ(quantile(none, 0.5), 0);
}

}  // namespace
}  // namespace paretune
