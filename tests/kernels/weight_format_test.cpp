// Packing and unpacking of every weight format.
#include "kernels/weight_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

struct Shape {
  int n, k;
};
constexpr Shape kShapes[] = {{1, 1}, {15, 63}, {16, 64}, {17, 65}, {33, 192}, {40, 300}};

std::vector<float> round_trip(const WeightFormat& f, int n, int k, std::span<const float> w) {
  GuardedBytes packed(f.packed_bytes(n, k));
  const std::span<std::byte> bytes(packed.data(), packed.size());
  f.pack(w, n, k, 0, n, bytes);
  EXPECT_TRUE(packed.intact()) << f.name << " n=" << n << " k=" << k;
  std::vector<float> back(w.size());
  for (int row = 0; row < n; ++row) {
    f.unpack_row(bytes, n, k, row, std::span(back).subspan(std::size_t(row) * k, k));
  }
  return back;
}

// How far a value may move: half a step of the format's grid.
double half_step(const WeightFormat& f, std::span<const float> group, float value) {
  const auto [low, high] = std::minmax_element(group.begin(), group.end());
  const double least = std::min(0.0f, *low), most = std::max(0.0f, *high);
  if (&f == &kF32) return 0;
  if (&f == &kBf16) return std::fabs(value) * 0x1p-8;  // 8 bits of mantissa, the first implied
  if (&f == &kInt8) return std::max(-least, most) / 127 / 2 * (1 + 1e-5);
  // Small f16 numbers are 2^-24 apart.
  if (&f == &kInt8G32) {
    return std::max(-least, most) / 127 * (0.5 + 127 * 0x1p-11) * (1 + 1e-3) + 127 * 0x1p-25;
  }
  // Sub-scales are rounded to a 63rd or a 127th of the superblock's largest; `group` is all of it.
  if (&f == &kQ6K) {
    return std::max(-least, most) * (0.5 / 31 + 0.5 / 127) * (1 + 1e-2) + 127 * 31 * 0x1p-25;
  }
  if (&f == &kQ4K) {
    return (most - least) * (0.5 / 15 + 0.5 / 63 + 0.5 / 63) * (1 + 1e-2) + 63 * 16 * 0x1p-25;
  }
  if (!f.levels.empty()) {  // the widest gap, or what lies beyond the shorter end
    double worst = 127 - (f.levels.back() - 128);
    for (std::size_t i = 1; i < f.levels.size(); ++i)
      worst = std::max(worst, 0.5 * (f.levels[i] - f.levels[i - 1]));
    return std::max(-least, most) / 127 * (worst + 127 * 0x1p-11) * (1 + 1e-3) + 127 * 0x1p-25;
  }
  // The f16 scale may be short by 2^-11 of itself, up to as often as there are codes. Zero is
  // rounded too, but values at both ends still find a code within half a step: the grid is one of
  // whole steps through 0.
  const int codes = f.name.starts_with("int4") ? 15 : f.name.starts_with("int3") ? 7 : 3;
  return (most - least) / codes * (0.5 + codes * 0x1p-11) * (1 + 1e-3);
}

TEST(WeightFormat, RoundTripStaysWithinHalfAStep) {
  for (const WeightFormat* f : kWeightFormats) {
    for (const Shape& s : kShapes) {
      for (float shift : {0.0f, 0.9f, -3.0f}) {  // balanced, almost and wholly one-sided
        auto w = random_floats(std::size_t(s.n) * s.k, 1);
        for (float& v : w) v = (v + shift) * 0.02f;
        const auto back = round_trip(*f, s.n, s.k, w);
        const bool super = f == &kQ4K || f == &kQ6K;
        const int group = super ? 256 : f->group > 0 ? f->group : s.k;
        for (int row = 0; row < s.n; ++row) {
          for (int k = 0; k < s.k; ++k) {
            const int begin = k / group * group, count = std::min(group, s.k - begin);
            const std::span<const float> of(w.data() + row * s.k + begin, count);
            const float value = w[row * s.k + k];
            ASSERT_LE(std::fabs(back[row * s.k + k] - value), half_step(*f, of, value))
                << f->name << " row " << row << " k " << k << " shift " << shift;
          }
        }
      }
    }
  }
}

TEST(WeightFormat, ZerosAndExtremes) {
  for (const WeightFormat* f : kWeightFormats) {
    EXPECT_EQ(round_trip(*f, 3, 40, std::vector<float>(120, 0.0f)), std::vector<float>(120, 0.0f))
        << f->name;
    std::vector<float> w(64, 0.0f);
    w[5] = 1;  // zeros beside other weights stay zero
    w[9] = -1;
    const auto back = round_trip(*f, 1, 64, w);
    if (keeps_zeros(*f)) {
      EXPECT_EQ(std::count(back.begin(), back.end(), 0.0f), 62) << f->name;
    }
    for (float extreme : {1e-40f, 1e-20f, 1e30f, std::numeric_limits<float>::max()}) {
      for (float v : round_trip(*f, 1, 64, std::vector<float>(64, extreme))) {
        EXPECT_FALSE(std::isnan(v)) << f->name << " " << extreme;
        if (extreme < 1) {
          EXPECT_NEAR(v, extreme, 1e-19) << f->name;
        }
      }
    }
    // What a broken model file may hold must not be undefined behaviour.
    round_trip(*f, 1, 4, std::vector<float>{NAN, INFINITY, -INFINITY, 1});
  }
}

TEST(WeightFormat, IntegerGridsReproduceThemselves) {
  for (const WeightFormat* f : kWeightFormats) {
    const auto once = round_trip(*f, 16, 256, random_floats(16 * 256, 3));
    const auto twice = round_trip(*f, 16, 256, once);
    for (std::size_t i = 0; i < once.size(); ++i) {
      // A superblock's scales are rounded anew; a grid of 2 bits has steps of 0.7.
      const bool super = f == &kQ4K || f == &kQ6K;
      ASSERT_NEAR(twice[i], once[i], super ? 0.08 : f->integer ? 4e-3 : 0.0) << f->name;
    }
  }
}

TEST(WeightFormat, PackingPartsEqualsPackingAll) {
  const int n = 40, k = 300;
  const auto w = random_floats(n * k, 4);
  for (const WeightFormat* f : kWeightFormats) {
    std::vector<std::byte> whole(f->packed_bytes(n, k)), parts(whole.size(), std::byte{0xff});
    f->pack(w, n, k, 0, n, whole);
    for (int begin : {32, 0, 16}) {
      const int end = std::min(begin + 16, n);
      f->pack(std::span(w).subspan(begin * k, (end - begin) * k), n, k, begin, end, parts);
    }
    EXPECT_TRUE(whole == parts) << f->name;
  }
}

TEST(WeightFormat, BitsPerWeight) {
  EXPECT_EQ(bits_per_weight(kF32, 2048, 2048), 32);
  EXPECT_EQ(bits_per_weight(kBf16, 2048, 2048), 16);
  EXPECT_NEAR(bits_per_weight(kInt8, 2048, 2048), 8, 0.02);
  EXPECT_NEAR(bits_per_weight(kInt4G128, 2048, 2048), 4.1875, 1e-9);
  EXPECT_NEAR(bits_per_weight(kInt4G32, 2048, 2048), 4.75, 1e-9);
  EXPECT_NEAR(bits_per_weight(kInt8G32, 2048, 2048), 8.5, 1e-9);  // as Q8_0
  EXPECT_NEAR(bits_per_weight(kQ6K, 2048, 2048), 6.5625, 1e-9);   // as Q6_K
  EXPECT_NEAR(bits_per_weight(kQ4K, 2048, 2048), 4.625, 1e-9);    // Q4_K: 4.5
  EXPECT_NEAR(bits_per_weight(kInt3G64, 2048, 2048), 3.375, 1e-9);
  EXPECT_NEAR(bits_per_weight(kNf3G64, 2048, 2048), 3.25, 1e-9);
  EXPECT_NEAR(bits_per_weight(kInt2G32, 2048, 2048), 2.75, 1e-9);
}

}  // namespace
}  // namespace paretune
