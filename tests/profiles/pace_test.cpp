#include "profiles/pace.h"

#include <gtest/gtest.h>

#include "runtime/model/model_shape.h"

namespace paretune {
namespace {

// The 1.1B shape on two cores.
Target large() {
  Target target;
  target.machine.cores = 2;
  target.model = {.n_layers = 22,
                  .d_model = 2048,
                  .n_heads = 32,
                  .n_kv_heads = 4,
                  .head_dim = 64,
                  .d_ff = 5632,
                  .vocab_size = 32000,
                  .max_seq_len = 2048};
  return target;
}

Treatment treatment(const char* text) { return parse_treatment(text, "test"); }

TEST(Pace, IsOfTheRightOrder) {
  const Target target = large();
  EXPECT_NEAR(assumed_reference_token_seconds(target), 0.04, 0.02);
  EXPECT_LT(assumed_served_token_seconds(target), assumed_reference_token_seconds(target));
  EXPECT_NEAR(assumed_pack_seconds(treatment("int4_g32:gptq"), target), 660, 330);
  EXPECT_NEAR(assumed_pack_seconds(treatment("int4_g32:hqq"), target), 200, 100);
  EXPECT_LT(assumed_pack_seconds(treatment("int8"), target), 10);
}

TEST(Pace, DearMethodsGiveWayToCheaperOnes) {
  Target target = large();
  const auto afforded = [&](const char* text, double seconds) {
    target.pack_seconds = seconds;
    return to_text(affordable(treatment(text), target));
  };
  EXPECT_EQ(afforded("int4_g32:gptq", 3600), "int4_g32:gptq");
  EXPECT_EQ(afforded("int4_g32:gptq", 300), "int4_g32:hqq");
  EXPECT_EQ(afforded("int4_g32:gptq", 20), "int4_g32");
  EXPECT_EQ(afforded("int3_g64:gptq:rank32", 300), "int3_g64:hqq");
  EXPECT_EQ(afforded("bf16", 0), "bf16");
}

}  // namespace
}  // namespace paretune
