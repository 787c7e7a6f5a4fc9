#include "profiles/cost_model/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "profiles/cost_model/operator_json.h"
#include "profiles/cost_model/operator_timer.h"
#include "profiles/cost_model/speed_predictor.h"
#include "profiles/speed.h"
#include "tests/profiles/cost_model/planted_times.h"
#include "tests/profiles/demo_model.h"
#include "tests/profiles/manual_clock.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

TEST(CalibrateTest, TimesOperatorsRunsConfigsAndFits) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  std::vector<std::int32_t> vocabulary(100);
  for (std::size_t i = 0; i < vocabulary.size(); ++i) vocabulary[i] = static_cast<int>(i);
  Workload w;
  w.traffic = {{.name = "t", .input_seq_len = {.value = 20}, .output_seq_len = {.value = 6}}};
  ManualClock clock(1e-4);
  const CostCalibration calibration = calibrate_costs(kDemoModel, target, planted_configs(target),
                                                      2, w, {}, vocabulary, clock, 1.0, 1);
  EXPECT_GT(calibration.times.points(), 50u);
  ASSERT_GE(calibration.runs.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i)  // the sure ones
    EXPECT_EQ(calibration.runs[i].config, quickly_loaded(planted_configs(target)[i]));
  for (const CalibrationRun& run : calibration.runs) {
    EXPECT_GT(run.requests, 0);
    ASSERT_FALSE(run.steps.empty());
    for (const MeasuredStep& step : run.steps) {
      EXPECT_GT(step.seconds, 0);
      EXPECT_GT(step.shape.rows, 0);
    }
    for (const double value : run.measured) EXPECT_GT(value, 0);
  }
  FittedCosts fitted = fit_cost_model(target, {}, calibration, w, vocabulary, 1);
  EXPECT_EQ(fitted.errors[0].configs, static_cast<int>(calibration.runs.size()));
  for (const DeployConfig& config : planted_configs(target)) {
    const double seconds = fitted.model.step_cost(config).seconds(
        {.phase = Phase::decode, .rows = 1, .sequences = 1, .logit_rows = 1});
    EXPECT_TRUE(std::isfinite(seconds));
    EXPECT_GT(seconds, 0);
  }
}

TEST(CalibrateTest, TimesEveryFormatOfTheCache) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  std::vector<DeployConfig> configs;
  for (const KvFormat* format : kKvFormats) {
    configs.push_back(default_config(target));
    configs.back().kv_cache = format;
  }
  ManualClock clock(1e-4);
  const OperatorTimes times = time_operators(target, configs, {}, clock, 100);
  EXPECT_EQ(times.store_row.size(), kKvFormats.size());
  for (const auto& [format, seconds] : times.store_row) EXPECT_GT(seconds, 0) << format->name;
  for (const auto& [variant, time] : times.attention)
    EXPECT_GT(time.single_row + time.single_context, 0) << variant->name;
}

TEST(CalibrateTest, WhatIsKnownIsNotTimedAgain) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  const std::vector<DeployConfig> configs = planted_configs(target);
  ManualClock clock(1e-4);
  const OperatorTimes first = time_operators(target, configs, {}, clock, 100);
  const double took_s = clock.time;
  const std::string text = "test";
  const OperatorTimes second =
      time_operators(target, configs, {}, clock, clock.time + 100,
                     operator_times(rows_of(first), text));  // as a store keeps them
  EXPECT_EQ(rows_of(second), rows_of(first));
  EXPECT_LT(clock.time - took_s, took_s / 20);
}

TEST(CalibrateTest, ProductsOfStepsShardedByRowsAreTimedOnOneThread) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  DeployConfig config = default_config(target);
  config.weights = parse_policy("all=int8", "test");
  config.prefill_threads = config.decode_threads = 2;
  const auto timed_on = [&](int threads) {
    ManualClock clock(1e-4);
    int products = 0;
    time_operators(target, {{config}}, {}, clock, clock.now() + 60)
        .for_each_product(
            [&](const ProductKey& key, int, double) { products += key.threads == threads; });
    return products;
  };
  EXPECT_EQ(timed_on(1), 0);
  config.shard_rows_from = 4;
  EXPECT_GT(timed_on(1), 0);
  EXPECT_GT(timed_on(2), 0);
}

// On a busy machine every call takes long: the deadline holds all the same.
TEST(CalibrateTest, OperatorsKeepTheirDeadline) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  ManualClock clock(1e-4);
  const double begin = clock.now();
  const OperatorTimes times =
      time_operators(target, planted_configs(target), {}, clock, begin + 0.002);
  EXPECT_LT(clock.now() - begin, 0.05);
  EXPECT_EQ(times.attention.size(), 1u);
  EXPECT_TRUE(times.prepare_row.empty());
}

TEST(CalibrateTest, QuicklyLoadedConfigsKeepTheirFormats) {
  DeployConfig config;
  config.weights = parse_policy("all=int4_g32:gptq:rank16,output=int8", "test");
  const DeployConfig quick = quickly_loaded(config);
  EXPECT_EQ(quick.weights, parse_policy("all=int4_g32,output=int8", "test"));
  config.activations.name = "int8_static";  // would have the whole model calibrated
  config.smoothing.name = "smoothquant";
  EXPECT_EQ(quickly_loaded(config).activations.name, "int8");
  EXPECT_EQ(quickly_loaded(config).smoothing.name, "none");
}

TEST(CalibrationWorkload, ShortensPromptsAndAnswers) {
  const Workload workload = load_workload("workloads/chat.json");
  const Workload same = calibration_workload(workload, 6),
                 half = calibration_workload(workload, 6, 0.5);
  EXPECT_EQ(same.traffic, workload.traffic);
  EXPECT_EQ(half.traffic[0].input_seq_len.value, workload.traffic[0].input_seq_len.value / 2);
  EXPECT_EQ(half.traffic[0].output_seq_len.max, workload.traffic[0].output_seq_len.max / 2);
  EXPECT_EQ(half.traffic[0].prefix.prefix_len, workload.traffic[0].prefix.prefix_len / 2);
  EXPECT_EQ(calibration_workload(workload, 6, 1e-9).traffic[0].input_seq_len.max, 1);
}

}  // namespace
}  // namespace paretune
