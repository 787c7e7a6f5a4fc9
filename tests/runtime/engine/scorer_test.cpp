#include "runtime/engine/scorer.h"

#include <gtest/gtest.h>

#include "kernels/kv_format.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

// Whatever was scored before, and however much of it a text begins with.
TEST(Scorer, WhatTextsShareChangesNothing) {
  std::vector<int> text;
  for (int i = 0; i < 90; ++i) text.push_back(5 + 7 * i % 200);
  std::vector<int> other = text;
  other[60] = 3;
  for (const KvFormat* format : kKvFormats) {
    DeployConfig config = exact_config(demo_target());
    config.kv_cache = format;
    config.kv_page_tokens = 64;
    config.prefill_chunk = 32;
    config = canonical(config, demo_target());
    ASSERT_EQ(config.kv_cache, format);
    const LoadedModel model = load_model(open_model(kDemo), config);
    Scorer scorer(*model.model, config, *model.pool);
    all_logits(scorer, text, 80);
    const std::span<const int> shorter = std::span(text).first(70);
    // The same text, a part of it, one that parts from it, one that is read from its beginning.
    for (const auto& [tokens, first] :
         {std::pair(std::span<const int>(text), 85), std::pair(shorter, 69),
          std::pair(std::span<const int>(other), 80), std::pair(std::span<const int>(text), 0)}) {
      const std::vector<float> expected =
          all_logits(*model.model, config, *model.pool, tokens, first);
      const std::vector<float> found = all_logits(scorer, tokens, first);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 1e-3) << format->name << ' ' << first << ' ' << i;
    }
  }
}

}  // namespace
}  // namespace paretune
