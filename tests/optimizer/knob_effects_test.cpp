#include "optimizer/knob_effects.h"

#include <gtest/gtest.h>

#include "runtime/deployment.h"

namespace paretune {
namespace {

// Cost halves with 2 decode threads, latency depends on the batch, quality on nothing.
Study study(int n) {
  Study s;
  for (int i = 0; i < n; ++i) {
    Trial t{.id = i};
    t.config.decode_threads = 1 + i % 2;
    t.config.max_batch_size = i / 2 % 2 == 0 ? 8 : 16;
    t.config.prefill_chunk = i / 4 % 2 == 0 ? 64 : 128;
    t.objectives = {.usd_per_million_output_tokens = i % 2 == 0 ? 2.0 : 1.0,
                    .latency_ms = i / 2 % 2 == 0 ? 30.0 : 10.0,
                    .kl_divergence = 0.01};
    s.trials.push_back(t);
  }
  return s;
}

TEST(KnobEffects, ArePlacedWhereTheyWerePlanted) {
  const auto effects = knob_effects(study(16));
  ASSERT_EQ(effects.size(), 3u);  // the others have one value
  EXPECT_EQ(effects[0].knob, "max_batch_size");
  EXPECT_GT(effects[0].of[1].ratio, 2);
  EXPECT_EQ(effects[0].of[1].best, "16");
  EXPECT_EQ(effects[1].knob, "decode_threads");
  EXPECT_GT(effects[1].of[0].ratio, 1.6);
  EXPECT_EQ(effects[1].of[0].best, "2");
  EXPECT_LT(effects[2].of[0].ratio, 1.2);
  for (const KnobEffect& effect : effects) EXPECT_NEAR(effect.of[2].ratio, 1, 1e-9);
}

TEST(KnobEffects, FewTrialsTellNothing) { EXPECT_TRUE(knob_effects(study(7)).empty()); }

}  // namespace
}  // namespace paretune
