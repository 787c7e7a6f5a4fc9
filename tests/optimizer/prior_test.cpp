#include "optimizer/prior.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optimizer/judge.h"
#include "profiles/speed.h"
#include "tests/runtime/engine/demo_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

Workload limited() {
  Workload w;
  w.cost.usd_per_hour = 3.6;
  w.slo.bounds = {{&kTtft, kPercentiles[2], 100}};
  w.objective = {.metric = &kTtft, .percentile = kPercentiles[2]};
  w.quality.floors.max_kl_divergence = 0.05;
  w.quality.floors.min_accuracy = 0.9;  // which nobody predicts
  return w;
}

SpeedEstimate estimate() {
  return {.capacity = 12, .objective_ms = 80, .max_rate = 10, .output_tokens_per_s = 1000};
}

TEST(PriorTest, PricesTokensAndKeepsTheObjective) {
  const Prediction p = prediction_of(estimate(), 0.01, limited());
  EXPECT_DOUBLE_EQ(p.objectives.usd_per_million_output_tokens,
                   1.0);  // 0.001 $/s over 1000 tokens/s
  EXPECT_EQ(p.objectives.latency_ms, 80);
  EXPECT_EQ(p.objectives.kl_divergence, 0.01);
  EXPECT_EQ(p.max_rate, 10);
}

// The same numbers, predicted or measured, are the same scores.
TEST(PriorTest, ScoresAreThoseOfATrialThatMeasuredThis) {
  const Workload w = limited();
  for (const double kl : {0.01, 0.2}) {
    for (const bool meets : {true, false}) {
      SpeedEstimate e = estimate();
      e.meets_slo = meets;
      e.max_rate = meets ? 10 : 0;
      const Judged predicted = predicted_scores(prediction_of(e, kl, w), w);
      Trial trial;
      trial.measurement.speed.usd_per_million_output_tokens = 1;
      trial.measurement.speed.at_workload.latency.ttft_ms.percentiles[2].value = 80;
      trial.measurement.speed.at_workload.meets_slo = meets;
      if (!meets) trial.measurement.speed.at_workload.missed = "SLO: missed";
      trial.measurement.speed.max_rate = e.max_rate;
      trial.measurement.quality.kl_divergence = kl;
      trial.measurement.quality.accuracy = 1;
      judge_trial(trial, w);
      EXPECT_EQ(trial.feasible, meets && kl < 0.05);
      const Judged measured = *search_scores(trial);
      for (std::size_t j = 0; j < 3; ++j)
        EXPECT_NEAR(predicted.scores[j], measured.scores[j], 1e-12) << j;
      EXPECT_NEAR(predicted.excess, measured.excess, 1e-12);
      EXPECT_EQ(predicted.excess == 0, trial.feasible);
    }
  }
}

TEST(PriorTest, UnknownQualityIsNotANumberAndMissesNothing) {
  const Workload w = limited();
  const Scores known = predicted_scores(prediction_of(estimate(), 0.01, w), w).scores;
  const Scores unknown = predicted_scores(prediction_of(estimate(), std::nullopt, w), w).scores;
  EXPECT_EQ(unknown[0], known[0]);
  EXPECT_EQ(unknown[1], known[1]);
  EXPECT_TRUE(std::isnan(unknown[2]));
}

// A config that was predicted to lose little may lose more than the limit, as others did.
TEST(PriorTest, CorrectsPredictionsByThoseThatWereTried) {
  const Prediction p = prediction_of(estimate(), 0.03, limited());
  std::vector<Trial> trials(3);
  EXPECT_EQ(corrected(p, {}).objectives.kl_divergence, 0.03);
  for (Trial& trial : trials) {
    trial.predicted = p;
    trial.objectives = {.usd_per_million_output_tokens = 0.5, .kl_divergence = 0.06};
  }
  Prediction again = corrected(p, trials);
  EXPECT_NEAR(again.objectives.kl_divergence, 0.03 * std::pow(2, 3. / 4), 1e-12);
  EXPECT_NEAR(again.objectives.usd_per_million_output_tokens, std::pow(2, -3. / 4), 1e-12);
  EXPECT_EQ(again.objectives.latency_ms, p.objectives.latency_ms);

  trials[0].predicted->objectives.kl_divergence = 1e-6;  // says nothing of larger losses
  trials[1].predicted.reset();
  trials[2].measurement.outcome = Outcome::timed_out;
  again = corrected(p, trials);
  EXPECT_EQ(again.objectives.kl_divergence, 0.03);
  EXPECT_NEAR(again.objectives.usd_per_million_output_tokens, std::sqrt(0.5), 1e-12);

  Prediction unknown = p;
  unknown.objectives.kl_divergence = std::nan("");
  EXPECT_TRUE(std::isnan(corrected(unknown, trials).objectives.kl_divergence));
}

TEST(PriorTest, DivergencesOfKindsAddUp) {
  const Treatment int8 = parse_treatment("int8", "test");
  const std::vector<Sensitivity> known{{LayerKind::qkv, int8, 0.25, 0.01},
                                       {LayerKind::down, int8, 0.5, 0.01}};
  EXPECT_EQ(predicted_kl(parse_policy("all=f32", "test"), known), 0);
  EXPECT_EQ(predicted_kl(parse_policy("all=bf16,qkv=int8,down=int8", "test"), known), 0.75);
  EXPECT_EQ(predicted_kl(parse_policy("all=bf16,output=int8", "test"), known), std::nullopt);
}

TEST(PriorTest, ActivationsAndKvCacheAddTheirs) {
  Study study;
  study.model = demo_target().model;
  study.sensitivity = {{LayerKind::qkv, parse_treatment("int8", "test"), 0.25, 0.01},
                       {LayerKind::down, parse_treatment("bf16", "test"), 0, 0}};
  study.knob_losses = {{"activations", "int8", "none", 0.125, 0.01},
                       {"kv_cache", "int8", "", 0.5, 0.01}};
  const QualityLosses losses = losses_of(study);
  DeployConfig config = exact_config(demo_target());
  EXPECT_EQ(predicted_kl(config, losses), 0);
  config.weights = parse_policy("all=bf16,qkv=int8", "test");
  EXPECT_EQ(predicted_kl(config, losses), 0.25);
  config.kv_cache = &kKvInt8;
  EXPECT_EQ(predicted_kl(config, losses), 0.75);
  config.activations.name = "int8";  // meets qkv's weights as integers, not those of down
  const double qkv = double(weight_bytes(study.model, LayerKind::qkv, {&kF32})),
               down = double(weight_bytes(study.model, LayerKind::down, {&kF32}));
  EXPECT_DOUBLE_EQ(*predicted_kl(config, losses), 0.75 + 0.125 * qkv / (qkv + down));
  config.smoothing.name = "hadamard";
  EXPECT_EQ(predicted_kl(config, losses), std::nullopt);
  config.activations.name = "f32", config.kv_cache = &kKvInt4;
  EXPECT_EQ(predicted_kl(config, losses), std::nullopt);
}

}  // namespace
}  // namespace paretune
