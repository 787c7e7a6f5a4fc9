#include "optimizer/expected.h"

#include <gtest/gtest.h>

#include <cmath>

namespace paretune {
namespace {

Trial trial(int id, double measured, double predicted, double latency_ms) {
  Trial t{.id = id};
  t.objectives = {measured, latency_ms, 0.01};
  t.predicted = Prediction{.objectives = {predicted, latency_ms, 0.01}};
  t.measurement.outcome = Outcome::ok;
  t.feasible = true;
  return t;
}

TEST(Expected, HalfOfALuckyMeasurementIsLuck) {
  Study study;
  // Three as predicted; the last cost a quarter of what was predicted.
  study.trials = {trial(0, 10, 10, 20), trial(1, 5, 5, 10), trial(2, 4, 4, 10), trial(3, 2, 8, 10)};
  const auto cost = [&](int id) {
    return expected_objectives(study.trials[std::size_t(id)], study.trials)
        .usd_per_million_output_tokens;
  };
  const double off = std::pow(0.25, 1.0 / 5);  // of all predictions, one more having been right
  EXPECT_NEAR(cost(3), std::sqrt(2 * 8 * off), 1e-9);
  EXPECT_NEAR(cost(2), std::sqrt(4 * 4 * off), 1e-9);
  EXPECT_LT(cost(3), cost(2) * 1.01);
  study.trials[3].predicted->objectives.usd_per_million_output_tokens = 16;
  EXPECT_GT(cost(3), cost(2));
  EXPECT_EQ(promising(study), std::vector<int>{2});
  study.front = {3};
  EXPECT_EQ(promising(study), (std::vector<int>{2, 3}));
  // Measured again: no luck is left in it.
  study.trials[3].searched = study.trials[3].objectives;
  EXPECT_EQ(cost(3), 2);
  EXPECT_EQ(promising(study), std::vector<int>{3});
}

TEST(Expected, TheCheapestAreNeitherTheDefaultNorWhatMissesLimits) {
  Study study;
  study.trials = {trial(0, 1, 1, 20), trial(1, 5, 5, 10), trial(2, 4, 4, 30), trial(3, 6, 6, 10)};
  EXPECT_EQ(cheapest(study, 2), (std::vector<int>{2, 1}));
  study.trials[2].feasible = false;
  EXPECT_EQ(cheapest(study, 9), (std::vector<int>{1, 3}));
}

TEST(Expected, WithoutAPredictionItIsWhatWasMeasured) {
  Study study;
  study.trials = {trial(0, 10, NAN, 20), trial(1, 5, 0, 10)};
  study.trials[0].predicted.reset();
  for (const Trial& t : study.trials)
    EXPECT_EQ(expected_objectives(t, study.trials).usd_per_million_output_tokens,
              t.objectives.usd_per_million_output_tokens);
}

TEST(Expected, ASlowerMachineDoesNotHideTheBetterConfig) {
  // Config 2 costs four fifths of config 1, measured while the machine was half as fast.
  Study study;
  study.trials = {trial(0, 10, 0, 20), trial(1, 5, 0, 10), trial(2, 8, 0, 16)};
  study.trials[2].slowdown = 2;
  EXPECT_EQ(promising(study), std::vector<int>{2});
  study.trials[2].feasible = false;
  EXPECT_EQ(promising(study), std::vector<int>{1});
}

}  // namespace
}  // namespace paretune
