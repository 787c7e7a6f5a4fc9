#include "runtime/compression/gradual_pruning.h"

#include <gtest/gtest.h>

#include "runtime/engine/pack_cache.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

TEST(GradualPruning, TheScheduleIsCubic) {
  EXPECT_DOUBLE_EQ(gradual_share(50, kGradualSteps), 50);
  EXPECT_DOUBLE_EQ(gradual_share(64, kGradualSteps / 2), 64 * (1 - 1.0 / 8));
  for (int step = 1; step < kGradualSteps; ++step) {
    EXPECT_LT(gradual_share(50, step), gradual_share(50, step + 1));
    EXPECT_GT(gradual_share(50, step) - gradual_share(50, step - 1),
              gradual_share(50, step + 1) - gradual_share(50, step));
  }
}

std::vector<float> rows(const ModelSource& source, Weight weight, int n) {
  std::vector<float> out(static_cast<std::size_t>(n * source.weight_shape(weight)[1]));
  source.read_rows(weight, 1, 0, n, out);
  return out;
}

TEST(GradualPruning, WhatIsLeftHasTheZerosAndIsFoundAgain) {
  const Policy policy = parse_policy("down=bf16:gradual50", "test");
  const TemporaryFolder folder;
  PackCache packs(folder.path(), 1 << 30);
  const SyntheticModel tiny("tiny");
  const auto pruned = gradually_pruned(tiny.open(), policy, &packs);
  const auto own = gradually_pruned(tiny.open(), policy, nullptr);
  const std::vector<float> values = rows(*pruned, Weight::ffn_down, 8);
  EXPECT_EQ(values, rows(*own, Weight::ffn_down, 8));
  const auto k = static_cast<std::ptrdiff_t>(pruned->weight_shape(Weight::ffn_down)[1]);
  for (auto row = values.begin(); row != values.end(); row += k)
    EXPECT_EQ(std::count(row, row + k, 0.0f), k / 2);

  const auto stored = tiny.open();
  const std::vector<float> before = rows(*stored, Weight::ffn_down, 8);
  int moved = 0;
  for (std::size_t i = 0; i < values.size(); ++i) moved += values[i] != 0 && values[i] != before[i];
  EXPECT_GT(moved, int(values.size()) / 3);  // they made good for the others
  EXPECT_EQ(rows(*pruned, Weight::ffn_up, 8), rows(*stored, Weight::ffn_up, 8));

  const int found = packs.found();
  const auto again = gradually_pruned(tiny.open(), policy, &packs);
  EXPECT_GT(packs.found(), found);
  EXPECT_EQ(rows(*again, Weight::ffn_down, 8), values);
  EXPECT_EQ(again->variant(), pruned->variant());
  EXPECT_NE(again->variant(), "");
}

TEST(GradualPruning, LosesLessThanMagnitudeAtOnce) {
  DeployConfig config = exact_config(demo_target());
  const TemporaryFolder folder;
  PackCache packs(folder.path(), 1 << 30);
  const LoadedModel exact = load_model(open_model(kDemo), config);
  const std::vector<int> prompt = golden_prompt();
  const auto expected = all_logits(*exact.model, config, *exact.pool, prompt);
  const auto error = [&](const char* policy) {
    config.weights = parse_policy(policy, "test");
    const LoadedModel model = load_model(open_model(kDemo), config, {}, &packs);
    return squared_distance(all_logits(*model.model, config, *model.pool, prompt), expected);
  };
  EXPECT_LT(error("attention=f32,output=f32,mlp=int4_g32:gptq:gradual50"),
            0.7 * error("attention=f32,output=f32,mlp=int4_g32:gptq:magnitude50"));
}

}  // namespace
}  // namespace paretune
