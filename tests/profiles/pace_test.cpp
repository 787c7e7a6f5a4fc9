#include "profiles/pace.h"

#include <gtest/gtest.h>

#include "runtime/model/model_shape.h"
#include "tests/profiles/large_target.h"

namespace paretune {
namespace {

Treatment treatment(const char* text) { return parse_treatment(text, "test"); }

TEST(Pace, IsOfTheRightOrder) {
  const Target target = large_target();
  EXPECT_NEAR(assumed_reference_token_seconds(target), 0.04, 0.02);
  EXPECT_LT(assumed_served_token_seconds(target), assumed_reference_token_seconds(target));
  EXPECT_NEAR(assumed_pack_seconds(treatment("int4_g32:gptq"), target), 660, 330);
  EXPECT_NEAR(assumed_pack_seconds(treatment("int4_g32:hqq"), target), 200, 100);
  EXPECT_LT(assumed_pack_seconds(treatment("int8"), target), 10);
}

TEST(Pace, DearMethodsGiveWayToCheaperOnes) {
  Target target = large_target();
  const auto afforded = [&](const char* text, double seconds) {
    target.pack_seconds = seconds;
    return to_text(affordable(treatment(text), target));
  };
  EXPECT_EQ(afforded("int4_g32:gptq", 3600), "int4_g32:gptq");
  EXPECT_EQ(afforded("int4_g32:gptq", 300), "int4_g32:hqq");
  EXPECT_EQ(afforded("int4_g32:gptq", 20), "int4_g32");
  EXPECT_EQ(afforded("int3_g64:gptq:rank32", 300), "int3_g64:hqq");
  EXPECT_EQ(afforded("int4_g64:gptq:outliers8", 300), "int4_g64:hqq:outliers8");
  EXPECT_EQ(afforded("bf16", 0), "bf16");
}

}  // namespace
}  // namespace paretune
