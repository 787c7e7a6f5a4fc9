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
                                            : largest / 127 * (1 + 1e-5);
        EXPECT_LE(std::fabs(back[i] - vector[i]), step / 2) << f->name;
      }
    }
  }
}

TEST(KvFormat, Sizes) {
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
      for (float v : back) EXPECT_NEAR(v, tiny, 1e-40) << f->name;
    }
  }
}

}  // namespace
}  // namespace paretune
