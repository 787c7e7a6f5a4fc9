#include "runtime/model/rope_scaling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/runtime/model/expect_error.h"

namespace paretune {
namespace {

TEST(RopeScaling, PlainFrequenciesFallFromOneByPowersOfTheta) {
  EXPECT_EQ(rope_inverse_frequencies(8, 10000, {}, "here"),
            (std::vector<float>{1.0f, 0.1f, 0.01f, 0.001f}));
}

// theta = 16^4 and head_dim 8: frequencies 1, 1/16, 1/256, 1/4096, wavelengths 2 pi times 1, 16,
// 256, 4096.
TEST(RopeScaling, Llama3KeepsShortWavesStretchesLongOnesAndBlendsBetween) {
  // Kept below 200 (the first two: 6, 100), divided above 2000 (the last: 25736), blended between
  // (1608).
  const RopeScaling scaling{.kind = RopeScaling::Kind::llama3,
                            .factor = 8,
                            .low_freq_factor = 1,
                            .high_freq_factor = 10,
                            .original_max_position = 2000};
  const auto frequencies = rope_inverse_frequencies(8, 65536, scaling, "here");
  ASSERT_EQ(frequencies.size(), 4u);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0f);
  EXPECT_FLOAT_EQ(frequencies[1], 1.0f / 16);
  const double smooth = (2000 / (2 * M_PI * 256) - 1) / 9;
  EXPECT_FLOAT_EQ(frequencies[2], static_cast<float>(((1 - smooth) / 8 + smooth) / 256));
  EXPECT_FLOAT_EQ(frequencies[3], 1.0f / 4096 / 8);
}

TEST(RopeScaling, NamesAndNumbersAreChecked) {
  EXPECT_EQ(rope_scaling_kind("llama3", "here"), RopeScaling::Kind::llama3);
  expect_error([] { rope_scaling_kind("dynamic", "here"); },
               "here: the RoPE scaling 'dynamic' is not supported (supported: none, default, "
               "linear, llama3)");
  for (const double theta : {0.0, -1.0, double(NAN), std::numeric_limits<double>::infinity()}) {
    expect_error([&] { rope_inverse_frequencies(8, theta, {}, "here"); }, "here: RoPE's theta");
  }
  expect_error(
      [] {
        rope_inverse_frequencies(8, 10000, {.kind = RopeScaling::Kind::linear, .factor = 0},
                                 "here");
      },
      "scaling factor is 0");
  expect_error(
      [] {
        rope_inverse_frequencies(
            8, 10000,
            {.kind = RopeScaling::Kind::llama3, .low_freq_factor = 4, .high_freq_factor = 4},
            "here");
      },
      "low_freq_factor < high_freq_factor");
}

}  // namespace
}  // namespace paretune
