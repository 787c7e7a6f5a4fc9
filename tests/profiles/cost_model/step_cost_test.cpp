#include "profiles/cost_model/step_cost.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(StepCostTest, TablesGoThroughTheirKnotsAndAreLinearBetween) {
  PhaseCost cost;
  cost.add_table(kRowsAt, [](int m) { return 1.0 + m * m; });
  for (const int m : kRowKnots) EXPECT_DOUBLE_EQ(seconds_of(cost, {.rows = m}), 1.0 + m * m) << m;
  EXPECT_DOUBLE_EQ(seconds_of(cost, {.rows = 40}), 1 + (32 * 32 + 48 * 48) / 2.0);
}

TEST(StepCostTest, LinearFunctionsOfRowsAreExactEverywhere) {
  PhaseCost cost;
  cost.add_table(kLogitRowsAt, [](int m) { return 3.0 + 2 * m; });
  for (int m = 1; m < 6000; m += 7)
    EXPECT_NEAR(seconds_of(cost, {.logit_rows = m}), 3.0 + 2 * m, 1e-8);
  EXPECT_EQ(seconds_of(cost, {.rows = 10}), 0);  // nobody wants logits
}

TEST(StepCostTest, EachPhaseHasItsOwnCost) {
  StepCost cost;
  cost.phases[static_cast<std::size_t>(Phase::prefill)][kSequencesAt] = 5;
  cost.phases[static_cast<std::size_t>(Phase::decode)][kSequencesAt] = 1;
  EXPECT_EQ(cost.seconds({.phase = Phase::prefill, .sequences = 2}), 10);
  EXPECT_EQ(cost.seconds({.phase = Phase::decode, .sequences = 2}), 2);
}

// What the simulation of many steps rests on: the cost of summed features is the sum of costs.
TEST(StepCostTest, CostsOfSummedFeaturesAddUp) {
  PhaseCost cost;
  for (std::size_t i = 0; i < kPhaseFeatures; ++i) cost[i] = 1 + double(i * 37 % 11);
  std::array<double, kPhaseFeatures> sum{};
  double expected = 0;
  for (int i = 1; i < 200; ++i) {
    const StepShape shape{.rows = i,
                          .sequences = i % 5,
                          .logit_rows = i % 3,
                          .single_rows = i % 4,
                          .single_context = 10.0 * i,
                          .chunk_rows = i % 7,
                          .chunk_pairs = 3.5 * i};
    expected += seconds_of(cost, shape);
    for_each_feature(shape, [&](std::size_t f, double amount) { sum[f] += amount; });
  }
  double found = 0;
  for (std::size_t i = 0; i < kPhaseFeatures; ++i) found += sum[i] * cost[i];
  EXPECT_NEAR(found, expected, 1e-9 * expected);
}

TEST(StepShapeTest, CountsWhatAttentionSees) {
  const std::vector<int> tokens(10, 1);
  const std::vector<Segment> segments{
      {.tokens = std::span(tokens).first(1), .past = 7, .logits_from = 0},
      {.tokens = std::span(tokens).first(3), .past = 4, .logits_from = 3},
      {.tokens = std::span(tokens).first(2), .past = 0, .logits_from = 1}};
  EXPECT_EQ(shape_of(segments, Phase::prefill), (StepShape{.phase = Phase::prefill,
                                                           .rows = 6,
                                                           .sequences = 3,
                                                           .logit_rows = 2,
                                                           .single_rows = 1,
                                                           .single_context = 8,
                                                           .chunk_rows = 5,
                                                           .chunk_pairs = (5 + 6 + 7) + (1 + 2)}));
}

}  // namespace
}  // namespace paretune
