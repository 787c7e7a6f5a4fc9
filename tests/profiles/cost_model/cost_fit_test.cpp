#include "profiles/cost_model/cost_fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "profiles/cost_model/cost_model.h"
#include "tests/profiles/cost_model/planted_times.h"
#include "tests/profiles/demo_model.h"
#include "workloads/random.h"

namespace paretune {
namespace {

// Steps of every size, timed as `truth` says, by the hand of `rng` a few per cent off.
CalibrationRun planted_run(const CostTerms& terms, const DeployConfig& config, const CostFit& truth,
                           double factor, double noise, RandomEngine& rng) {
  CalibrationRun run{.config = config};
  CostModel model(terms, truth);
  const StepCost cost = model.step_cost(config);
  for (int i = 0; i < 60; ++i) {
    StepShape shape{.sequences = 1 + int(rng() % 8)};
    shape.phase = i % 2 == 0 ? Phase::prefill : Phase::decode;
    shape.single_rows = shape.logit_rows = shape.sequences;
    shape.single_context = double(rng() % 400) * shape.sequences;
    if (shape.phase == Phase::prefill) {
      shape.chunk_rows = 8 + int(rng() % 200);
      shape.chunk_pairs = 100.0 * shape.chunk_rows;
    }
    shape.rows = shape.single_rows + shape.chunk_rows;
    const double off = 1 + noise * (2 * uniform01(rng) - 1);
    run.steps.push_back({shape, factor * off * cost.seconds(shape)});
  }
  return run;
}

CostFit planted_fit() {
  CostFit fit;
  fit.amounts[kProducts] = 1.2;
  fit.amounts[kAttention] = 0.9;
  fit.amounts[kStep] = 3e-5;
  fit.amounts[kSampling] = 2e-9;
  return fit;
}

class CostFitTest : public testing::Test {
 protected:
  const Target target_{this_machine(), open_model(kDemoModel)->shape()};
  const CostTerms terms_{target_, {}, planted_times(target_)};
  std::vector<DeployConfig> configs_ = planted_configs(target_);
};

TEST_F(CostFitTest, RecoversPlantedAmountsUnderNoiseAndInterruptions) {
  RandomEngine rng(1);
  std::vector<CalibrationRun> runs;
  for (const DeployConfig& config : configs_) {
    runs.push_back(planted_run(terms_, config, planted_fit(), 1, 0.02, rng));
    runs.back().steps[5].seconds *= 40;  // somebody took the core
    runs.back().steps[6].seconds *= 30;
  }
  CostModel found(terms_, fit_costs(terms_, runs)), truth(terms_, planted_fit());
  for (const DeployConfig& config : configs_) {
    for (const CalibrationRun& run : runs) {
      for (std::size_t i = 10; i < 20; ++i) {
        const StepShape& shape = run.steps[i].shape;
        const double expected = truth.step_cost(config).seconds(shape);
        EXPECT_NEAR(found.step_cost(config).seconds(shape), expected, 0.06 * expected);
      }
    }
  }
}

TEST_F(CostFitTest, WhatOneKindOfConfigPaysMoreIsLearnedAsItsFactor) {
  RandomEngine rng(2);
  std::vector<CalibrationRun> runs;
  for (int round = 0; round < 3; ++round) {
    for (const DeployConfig& config : configs_) {
      const double factor = config.kv_cache == &kKvInt8 ? 1.5 : 1;
      runs.push_back(planted_run(terms_, config, planted_fit(), factor, 0, rng));
    }
  }
  CostModel found(terms_, fit_costs(terms_, runs));
  for (const CalibrationRun& run : runs) {
    double predicted = 0, measured = 0;
    for (const MeasuredStep& step : run.steps) {
      predicted += found.step_cost(run.config).seconds(step.shape);
      measured += step.seconds;
    }
    EXPECT_NEAR(predicted / measured, 1, 0.08);
  }
}

// Leaving a run out forgets what only it could teach, and nothing else.
TEST_F(CostFitTest, AFitThatLeftARunOutHasNotSeenIt) {
  RandomEngine rng(3);
  std::vector<CalibrationRun> runs;
  for (const DeployConfig& config : configs_)
    runs.push_back(planted_run(terms_, config, planted_fit(), 1, 0, rng));
  for (MeasuredStep& step : runs[0].steps) step.seconds *= 3;
  std::vector<CostFit> without;
  fit_costs(terms_, runs, &without);
  ASSERT_EQ(without.size(), runs.size());
  CostModel blind(terms_, without[0]), truth(terms_, planted_fit());
  for (const MeasuredStep& step : runs[0].steps) {
    const double expected = truth.step_cost(runs[0].config).seconds(step.shape);
    EXPECT_NEAR(blind.step_cost(runs[0].config).seconds(step.shape), expected, 0.02 * expected);
  }
}

TEST_F(CostFitTest, MoreTokensAndLongerContextsAreNeverCheaper) {
  RandomEngine rng(4);
  std::vector<CalibrationRun> runs;
  for (const DeployConfig& config : configs_)
    runs.push_back(planted_run(terms_, config, planted_fit(), 1, 0.3, rng));
  CostModel model(terms_, fit_costs(terms_, runs));
  for (const DeployConfig& config : configs_) {
    const StepCost cost = model.step_cost(config);
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      double before = 0;
      for (int m = 1; m < 700; m += 3) {
        const double now = cost.seconds({.phase = phase,
                                         .rows = m,
                                         .sequences = m,
                                         .logit_rows = m,
                                         .single_rows = m,
                                         .single_context = 10.0 * m});
        EXPECT_GE(now, before);
        EXPECT_GE(cost.seconds({.phase = phase,
                                .rows = m,
                                .sequences = m,
                                .logit_rows = m,
                                .single_rows = m,
                                .single_context = 11.0 * m}),
                  now);
        before = now;
      }
    }
  }
}

}  // namespace
}  // namespace paretune
