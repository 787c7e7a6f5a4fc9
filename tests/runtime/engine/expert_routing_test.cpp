#include "runtime/engine/expert_routing.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace paretune {
namespace {

TEST(ExpertRoutingTest, TheLargestLogitsInOrderWithTheirSoftmax) {
  const std::array<float, 4> logits{1, 3, 2, 3};
  std::array<int, 3> experts;
  std::array<float, 3> weights;
  choose_experts(logits, true, experts, weights);
  EXPECT_EQ(experts, (std::array{1, 3, 2}));  // of equals the first comes first
  const float sum = 2 + std::exp(-1.0f);
  EXPECT_FLOAT_EQ(weights[0], 1 / sum);
  EXPECT_FLOAT_EQ(weights[1], 1 / sum);
  EXPECT_FLOAT_EQ(weights[2], std::exp(-1.0f) / sum);

  choose_experts(logits, false, experts, weights);
  EXPECT_EQ(experts, (std::array{1, 3, 2}));
  EXPECT_FLOAT_EQ(weights[0], 1 / (sum + std::exp(-2.0f)));
}

TEST(ExpertRoutingTest, LargeLogitsDoNotOverflow) {
  const std::array<float, 2> logits{1000, 900};
  std::array<int, 1> experts;
  std::array<float, 1> weights;
  choose_experts(logits, false, experts, weights);
  EXPECT_EQ(experts[0], 0);
  EXPECT_FLOAT_EQ(weights[0], 1);
}

TEST(ExpertRoutingTest, GroupsPairsByExpertInRowOrder) {
  ExpertRouting routing;
  routing.resize(3, 4, 2);
  routing.experts = {2, 0, 3, 2, 0, 3};  // rows 0, 1, 2
  routing.group();
  EXPECT_EQ(routing.begins, (std::vector{0, 2, 2, 4, 6}));
  EXPECT_EQ(routing.assigned_row, (std::vector{0, 2, 0, 1, 1, 2}));
  EXPECT_EQ(routing.assignment, (std::vector{2, 0, 4, 3, 1, 5}));
  // The same buffers serve the next step.
  routing.resize(1, 4, 2);
  routing.experts = {1, 0};
  routing.group();
  EXPECT_EQ(routing.begins, (std::vector{0, 1, 2, 2, 2}));
}

}  // namespace
}  // namespace paretune
