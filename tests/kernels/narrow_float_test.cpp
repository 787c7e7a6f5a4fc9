#include "kernels/narrow_float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace paretune {
namespace {

TEST(NarrowFloat, EveryHalfSurvives) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      ASSERT_EQ(f32_to_f16(value), half);
    }
  }
}

TEST(NarrowFloat, HalvesByHand) {
  EXPECT_EQ(f16_to_f32(0x3c00), 1);
  EXPECT_EQ(f16_to_f32(0xc000), -2);
  EXPECT_EQ(f16_to_f32(0x7bff), 65504);
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24f);
  EXPECT_EQ(f16_to_f32(0x0400), 0x1p-14f);
  EXPECT_EQ(f16_to_f32(0x7c00), INFINITY);
  EXPECT_EQ(f32_to_f16(65519.99f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520), 0x7c00);
  EXPECT_EQ(f32_to_f16(1 + 0x1p-11f), 0x3c00);  // ties go to even
  EXPECT_EQ(f32_to_f16(1 + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(0x1.8p-25f), 1);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
}

TEST(NarrowFloat, TheNearestHalfIsFinite) {
  EXPECT_EQ(nearest_f16(1 + 0x1p-11f), 1);
  EXPECT_EQ(nearest_f16(65520), 65504);
  EXPECT_EQ(nearest_f16(INFINITY), 65504);
  EXPECT_EQ(nearest_f16(-1e9f), -65504);
  EXPECT_TRUE(std::isnan(nearest_f16(NAN)));
}

TEST(NarrowFloat, EveryBf16Survives) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto narrow = static_cast<std::uint16_t>(bits);
    const float value = bf16_to_f32(narrow);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value))));
    } else {
      ASSERT_EQ(f32_to_bf16(value), narrow);
    }
  }
}

TEST(NarrowFloat, Bf16RoundsToEven) {
  EXPECT_EQ(bf16_to_f32(f32_to_bf16(1 + 0x1p-8f)), 1);
  EXPECT_EQ(bf16_to_f32(f32_to_bf16(1 + 3 * 0x1p-8f)), 1 + 0x1p-6f);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
}

}  // namespace
}  // namespace paretune
