#include "runtime/engine/scorer.h"

#include <gtest/gtest.h>

#include "kernels/kv_format.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

std::vector<float> logits_of(Scorer& scorer, std::span<const int> tokens, int first) {
  std::vector<float> all;
  scorer.score(tokens, first, [&](int, std::span<const float> logits) {
    all.insert(all.end(), logits.begin(), logits.end());
  });
  return all;
}

// Whatever was scored before, and however much of it a text begins with.
TEST(Scorer, WhatTextsShareChangesNothing) {
  std::vector<int> text;
  for (int i = 0; i < 90; ++i) text.push_back(5 + 7 * i % 200);
  std::vector<int> other = text;
  other[60] = 3;
  for (const KvFormat* format : kKvFormats) {
    DeployConfig config = default_config(demo_target());
    config.weights = parse_policy("all=f32", "test");
    config.activations.name = "f32";
    config.kv_cache = format;
    config.kv_page_tokens = 64;
    config.prefill_chunk = 32;
    config.attention_kernel.name = "tiled_avx512";
    config = canonical(config, demo_target());
    if (config.kv_cache != format) GTEST_SKIP() << "skipped: no kernel here reads " << format->name;
    const LoadedModel model = load_model(open_model(kDemo), config);
    const auto fresh = [&](std::span<const int> tokens, int first) {
      Scorer scorer(*model.model, config, *model.pool);
      return logits_of(scorer, tokens, first);
    };
    Scorer scorer(*model.model, config, *model.pool);
    logits_of(scorer, text, 80);
    const std::span<const int> shorter = std::span(text).first(70);
    // The same text, a part of it, one that parts from it, one that is read from its beginning.
    for (const auto& [tokens, first] :
         {std::pair(std::span<const int>(text), 85), std::pair(shorter, 69),
          std::pair(std::span<const int>(other), 80), std::pair(std::span<const int>(text), 0)}) {
      const std::vector<float> expected = fresh(tokens, first);
      const std::vector<float> found = logits_of(scorer, tokens, first);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 1e-3) << format->name << ' ' << first << ' ' << i;
    }
  }
}

}  // namespace
}  // namespace paretune
