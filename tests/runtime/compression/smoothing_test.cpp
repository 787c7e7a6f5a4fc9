#include "runtime/compression/smoothing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

std::vector<float> logits(const Model& model, const DeployConfig& config, ThreadPool& pool) {
  return all_logits(model, config, pool, golden_prompt());
}

// In f32 nothing but rounding tells the smoothed model from the original.
TEST(Smoothing, MovesScalesAndChangesNothing) {
  const Target target = demo_target();
  const DeployConfig exact = exact_config(target);
  ThreadPool pool(1);
  const auto original = open_model(kDemo);
  const Model before(*original, exact, pool);
  const std::vector<float> expected = logits(before, exact, pool);
  const Calibration calibration = calibrate(*original, nullptr);
  for (const Smoother& smoother : kSmoothers) {
    if (!smoother.scales) continue;
    Calibration own = calibration;
    const auto smoothed =
        smooth(open_model(kDemo), smoother.name, parse_policy("all=int4_g128", "test"), own);
    std::vector<float> norm(256), plain(256);
    smoothed->read_rows(Weight::attn_norm, 0, 0, 1, norm);
    original->read_rows(Weight::attn_norm, 0, 0, 1, plain);
    EXPECT_NE(norm, plain) << smoother.name;
    EXPECT_NE(smoothed->variant(), "");
    const Model after(*smoothed, exact, pool);
    EXPECT_LT(largest_error(logits(after, exact, pool), expected), 1e-4f) << smoother.name;
  }
}

// An input channel that is a hundred times louder than the others: its scale takes that to the
// weights.
TEST(Smoothing, SmoothQuantTakesOutliersFromInputs) {
  std::vector<float> squares(64, 1.0f), maxima(64, 3.0f), weights(64, 0.1f);
  squares[5] = 1e4f;
  maxima[5] = 300;
  const InputStatistics inputs{64, {}, squares, maxima};
  const std::vector<float> s = smoothquant_scales(inputs, weights, {}, {&kInt8});
  const float loud = maxima[5] / s[5], quiet = maxima[6] / s[6];
  EXPECT_NEAR(loud / quiet, 10, 0.01);  // of 100 before
}

TEST(Smoothing, AwqNeverLosesMoreThanNoScales) {
  std::mt19937_64 rng(3);
  std::normal_distribution<float> normal(0, 0.05f);
  std::vector<float> rows(16 * 128), squares(128, 1.0f), maxima(128, 3.0f), columns(128, 0.2f);
  for (float& v : rows) v = normal(rng);
  for (std::size_t j = 0; j < 128; j += 16) squares[j] = 900;
  const InputStatistics inputs{128, {}, squares, maxima};
  const auto loss = [&](const std::vector<float>& s) {
    std::vector<std::byte> packed(kInt4G128.packed_bytes(1, 128));
    std::vector<float> scaled(128), rounded(128);
    double sum = 0;
    for (std::size_t row = 0; row < rows.size(); row += 128) {
      for (std::size_t j = 0; j < 128; ++j) scaled[j] = rows[row + j] * s[j];
      kInt4G128.pack(scaled, 1, 128, 0, 1, packed);
      kInt4G128.unpack_row(packed, 1, 128, 0, rounded);
      for (std::size_t j = 0; j < 128; ++j)
        sum += squares[j] * std::pow(rows[row + j] - rounded[j] / s[j], 2.0f);
    }
    return sum;
  };
  const std::vector<float> s = awq_scales(inputs, columns, rows, {&kInt4G128});
  EXPECT_LT(loss(s), 0.7 * loss(std::vector<float>(128, 1.0f)));
  std::ranges::fill(squares, 1.0f);  // nothing to gain
  EXPECT_EQ(awq_scales(inputs, columns, rows, {&kInt4G128}), std::vector<float>(128, 1.0f));
}

// Packed under one smoothing, never found under another.
TEST(Smoothing, HasPacksOfItsOwn) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("paretune_smoothing_" + std::to_string(getpid()));
  const Target target = demo_target();
  DeployConfig config = exact_config(target);
  config.weights = parse_policy("all=int8", "test");
  PackCache packs(folder, std::uint64_t(1) << 30);
  const LoadedModel plain = load_model(open_model(kDemo), config, {}, &packs);
  config.smoothing.name = "smoothquant";
  const LoadedModel fresh = load_model(open_model(kDemo), config);
  const LoadedModel cached = load_model(open_model(kDemo), config, {}, &packs);
  EXPECT_EQ(logits(*cached.model, config, *cached.pool), logits(*fresh.model, config, *fresh.pool));
  EXPECT_NE(logits(*cached.model, config, *cached.pool), logits(*plain.model, config, *plain.pool));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace paretune
