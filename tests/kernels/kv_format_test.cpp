#include "kernels/kv_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

TEST(KvFormat, RoundTripStaysWithinHalfAStep) {
  for (const KvFormat* f : kKvFormats) {
    for (int head_dim : {1, 5, 8, 12, 64, 80, 96, 128}) {
      auto vector = random_floats(head_dim, 1);
      for (float& v : vector) v *= 3;
      GuardedBytes stored(f->vector_bytes(head_dim));
      f->store(vector, stored.data());
      EXPECT_TRUE(stored.intact()) << f->name;
      std::vector<float> back(head_dim);
      f->load(stored.data(), back);
      float largest = 0;
      for (float v : vector) largest = std::max(largest, std::fabs(v));
      for (int i = 0; i < head_dim; ++i) {
        const double step = f == &kKvF32    ? 0
                            : f == &kKvBf16 ? std::fabs(vector[i]) * 0x1p-7
                            : f == &kKvInt8 ? largest / 127 * (1 + 1e-5)
                                            : 0;
        if (f == &kKvInt4) continue;  // of the rotated vector's grid: below
        EXPECT_LE(std::fabs(back[i] - vector[i]), step / 2) << f->name;
      }
    }
  }
}

TEST(KvFormat, RotationIsItsOwnInverseAndKeepsLengths) {
  for (const int n : {1, 3, 16, 80, 128}) {
    const auto vector = random_floats(n, 3);
    auto twice = vector;
    rotate(twice);
    double before = 0, after = 0;
    for (int i = 0; i < n; ++i) {
      before += vector[i] * vector[i];
      after += twice[i] * twice[i];
    }
    EXPECT_NEAR(after, before, 1e-4 * before);
    if (n % 2 == 0) {
      EXPECT_NE(twice, vector);
    }
    rotate(twice);
    for (int i = 0; i < n; ++i) EXPECT_NEAR(twice[i], vector[i], 1e-5);
  }
  std::vector<float> spike(64, 0.0f);
  spike[5] = 8;
  rotate(spike);
  for (const float v : spike) EXPECT_NEAR(std::fabs(v), 1, 1e-6);  // spread over all
}

// Rotated, a group's numbers are within half a step of their 15th; turned back, errors only mix.
TEST(KvFormat, Int4ErrsByItsStep) {
  for (const int head_dim : {8, 64, 80, 128}) {
    auto vector = random_floats(head_dim, 2);
    vector[1] = 9;  // an outlier
    GuardedBytes stored(kKvInt4.vector_bytes(head_dim));
    kKvInt4.store(vector, stored.data());
    EXPECT_TRUE(stored.intact());
    std::vector<float> back(head_dim);
    kKvInt4.load(stored.data(), back);
    auto rotated = vector;
    rotate(rotated);
    const auto [low, high] = std::ranges::minmax(rotated);
    const double step = (high - low) / 15 * 1.01;
    double square = 0;
    for (int i = 0; i < head_dim; ++i) square += (back[i] - vector[i]) * (back[i] - vector[i]);
    EXPECT_LE(std::sqrt(square / head_dim), step / 2) << head_dim;
    EXPECT_GT(square, 0);
  }
}

TEST(KvFormat, Sizes) {
  EXPECT_EQ(kKvInt4.vector_bytes(64), 40u);
  EXPECT_EQ(kKvInt4.vector_bytes(80), 60u);
  EXPECT_EQ(kKvF32.vector_bytes(64), 256u);
  EXPECT_EQ(kKvBf16.vector_bytes(64), 128u);
  EXPECT_EQ(kKvInt8.vector_bytes(64), 68u);
  EXPECT_EQ(kKvInt8.vector_bytes(5), 12u);  // scales stay aligned
}

TEST(KvFormat, ZerosStayZero) {
  for (const KvFormat* f : kKvFormats) {
    GuardedBytes stored(f->vector_bytes(16));
    for (float tiny : {0.0f, 1e-42f}) {
      f->store(std::vector<float>(16, tiny), stored.data());
      std::vector<float> back(16, 1);
      f->load(stored.data(), back);
      for (float v : back) EXPECT_NEAR(v, tiny, f == &kKvInt4 ? 1e-7 : 1e-40) << f->name;
    }
  }
}

}  // namespace
}  // namespace paretune
