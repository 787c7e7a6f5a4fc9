#include "runtime/compression/rounding_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace paretune {
namespace {

TEST(RoundingCheckTest, RefusesWhatIsFarWorseThanRoundingToNearest) {
  std::vector<float> row(64);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i * 7 % 31) / 10 - 1.5f;
  std::vector<float> near = row, shifted = row;
  for (float& v : near) v += 0.02f;    // a tenth of a step of 4 bits
  for (float& v : shifted) v += 0.4f;  // a zero-point that is two steps off
  RoundingCheck good(kInt4G32, {}), bad(kInt4G32, {});
  good.add(row, near);
  EXPECT_NO_THROW(good.pass("w", kQuantizers[1]));
  bad.add(row, shifted);
  EXPECT_THROW(bad.pass("w", kQuantizers[1]), std::runtime_error);
  // What no input reads does no harm.
  const std::vector<float> unread(row.size(), 0.0f);
  RoundingCheck silent(kInt4G32, unread);
  silent.add(row, shifted);
  EXPECT_NO_THROW(silent.pass("w", kQuantizers[1]));
}

std::vector<float> packed_as(const WeightFormat& format, const std::vector<float>& row) {
  const int k = static_cast<int>(row.size());
  std::vector<std::byte> packed(format.packed_bytes(1, k));
  format.pack(row, 1, k, 0, 1, packed);
  std::vector<float> rounded(row.size());
  format.unpack_row(packed, 1, k, 0, rounded);
  return rounded;
}

// Weights of many sizes: normal, one-sided, tiny, with an outlier, and none.
std::vector<std::vector<float>> rows_of(int k) {
  std::mt19937 rng(5);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> rows(6, std::vector<float>(std::size_t(k)));
  for (std::size_t i = 0; i < std::size_t(k); ++i) {
    rows[0][i] = normal(rng);
    rows[1][i] = 3 + normal(rng);
    rows[2][i] = 1e-6f * normal(rng);
    rows[3][i] = i == 7 ? 100.0f : normal(rng);
    rows[4][i] = i % 2 ? 1.0f : -1.0f;
  }
  return rows;
}

TEST(CheckNearest, WhatIsRoundedRightPasses) {
  for (const WeightFormat* format : kWeightFormats) {
    for (const std::vector<float>& row : rows_of(256)) {
      EXPECT_NO_THROW(check_nearest("w", *format, row, packed_as(*format, row), false))
          << format->name;
    }
  }
}

TEST(CheckNearest, AZeroPointOneOffInOneGroupIsNamed) {
  for (const WeightFormat* format : {&kInt4G32, &kInt3G64, &kInt2G32, &kInt8G32, &kQ40}) {
    const std::vector<float> row = rows_of(256)[0];
    std::vector<float> rounded = packed_as(*format, row);
    float least = 0, most = 0;
    for (int i = 0; i < format->group; ++i)
      least = std::min(least, row[std::size_t(i)]), most = std::max(most, row[std::size_t(i)]);
    const float range = format->zeros ? most - least : 2 * std::max(most, -least),
                step = range / static_cast<float>((1 << format->bits) - 1);
    for (int i = 0; i < format->group; ++i) rounded[std::size_t(i)] += step;
    try {
      check_nearest("blk.3.down", *format, row, rounded, false);
      FAIL() << format->name;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("blk.3.down: weights 0 to"), std::string::npos)
          << error.what();
    }
  }
}

TEST(CheckNearest, PrunedWeightsAreNoFaultAndLostOnesAre) {
  const std::vector<float> row = rows_of(256)[0];
  std::vector<float> rounded = packed_as(kInt8, row);
  for (std::size_t i = 0; i < row.size(); i += 2) rounded[i] = 0;
  EXPECT_NO_THROW(check_nearest("w", kInt8, row, rounded, true));
  EXPECT_THROW(check_nearest("w", kInt8, row, rounded, false), std::runtime_error);
  std::vector<float> half = packed_as(kBf16, row);
  half[9] *= 1.02f;
  EXPECT_THROW(check_nearest("w", kBf16, row, half, false), std::runtime_error);
}

}  // namespace
}  // namespace paretune
