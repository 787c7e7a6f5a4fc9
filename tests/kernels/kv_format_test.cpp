#include "kernels/kv_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

TEST(KvFormat, RoundTripStaysWithinHalfAStep) {
  for (const KvFormat* f : {&kKvF32, &kKvBf16, &kKvInt8}) {  // grids with a minimum: below
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

struct Channels {
  const KvFormat& format;
  int last_code;
};
const Channels kChannels[] = {{kKvInt4Channel, 15}, {kKvInt2Channel, 3}};

// f16 rounds the minimum by 2^-11 of it and the scale so that the last code errs by as much of the
// range; between, half a step.
double grid_error(double low, double high, int last_code) {
  return (high - low) / last_code / 2 + (std::fabs(low) + (high - low)) * 0x1p-11 + 1e-7;
}

TEST(KvFormat, ValuesOfChannelFormatsErrByHalfAStepOfTheirGroup) {
  for (const auto& [format, last_code] : kChannels) {
    for (const int head_dim : {1, 5, 32, 40, 64, 128}) {
      auto vector = random_floats(head_dim, 5);
      for (int i = 32; i < head_dim; ++i) vector[i] = 100 + vector[i] / 2;  // another group
      GuardedBytes stored(format.vector_bytes(head_dim));
      format.store(vector, stored.data());
      EXPECT_TRUE(stored.intact());
      std::vector<float> back(head_dim);
      format.load(stored.data(), back);
      for (int i = 0; i < head_dim; ++i) {
        const auto group = std::span(vector).subspan(
            i / 32 * 32, std::min<std::size_t>(32, head_dim - i / 32 * 32));
        const auto [low, high] = std::ranges::minmax(group);
        ASSERT_NEAR(back[i], vector[i], grid_error(low, high, last_code))
            << format.name << " " << head_dim << " " << i;
      }
    }
  }
}

struct Group {
  std::vector<float> keys, back;  // (kKvGroup, head_dim)
};

// channel d of the keys is large[d] + uniform in [-1, 1)
Group through(const KvFormat& format, int head_dim, std::span<const float> large) {
  Group g{random_floats(std::size_t(kKvGroup) * head_dim, 6), {}};
  for (std::size_t i = 0; i < g.keys.size(); ++i) g.keys[i] += large[i % head_dim];
  g.back.resize(g.keys.size());
  GuardedBytes stored(kKvGroup * format.vector_bytes(head_dim));
  if (format.store_keys) format.store_keys(g.keys, head_dim, stored.data());
  for (int t = 0; t < kKvGroup; ++t) {
    const std::span<float> back = std::span(g.back).subspan(t * head_dim, head_dim);
    if (format.store_keys) {
      format.load_key(stored.data(), t, back);
    } else {
      format.store(std::span(g.keys).subspan(t * head_dim, head_dim), stored.data());
      format.load(stored.data(), back);
    }
  }
  EXPECT_TRUE(stored.intact()) << format.name;
  return g;
}

TEST(KvFormat, KeysErrByHalfAStepOfTheirChannel) {
  for (const auto& [format, last_code] : kChannels) {
    for (const int head_dim : {1, 5, 32, 40, 64, 128}) {
      std::vector<float> large(head_dim);
      for (int d = 0; d < head_dim; ++d) large[d] = float(d % 7) * 3 - 9;
      const Group g = through(format, head_dim, large);
      for (int d = 0; d < head_dim; ++d) {
        float low = INFINITY, high = -INFINITY;
        for (int t = 0; t < kKvGroup; ++t) {
          low = std::min(low, g.keys[t * head_dim + d]);
          high = std::max(high, g.keys[t * head_dim + d]);
        }
        for (int t = 0; t < kKvGroup; ++t) {
          ASSERT_NEAR(g.back[t * head_dim + d], g.keys[t * head_dim + d],
                      grid_error(low, high, last_code))
              << format.name << " " << head_dim << " " << d << " " << t;
        }
      }
    }
  }
}

// What KIVI found in keys: a few channels far from zero in every token.
TEST(KvFormat, ChannelsFarFromZeroCostOnlyFormatsByToken) {
  std::vector<float> large(64);
  large[3] = 60, large[40] = -80;
  const auto error = [&](const KvFormat& format) {
    const Group g = through(format, 64, large);
    double square = 0;
    for (std::size_t i = 0; i < g.keys.size(); ++i)
      square += std::pow(double(g.back[i]) - g.keys[i], 2);
    return std::sqrt(square / double(g.keys.size()));
  };
  EXPECT_GT(error(kKvInt4), 10 * error(kKvInt4Channel));
  EXPECT_GT(error(kKvInt4), 2 * error(kKvInt2Channel));
  EXPECT_GT(error(kKvInt2Channel), 3 * error(kKvInt4Channel));
}

// What no grid holds must still be something.
TEST(KvFormat, HugeKeysStayFinite) {
  for (const auto& [format, last_code] : kChannels) {
    const Group g = through(format, 32, std::vector<float>(32, 1e30f));
    for (const float v : g.back) EXPECT_TRUE(std::isfinite(v));
  }
}

TEST(KvFormat, Sizes) {
  EXPECT_EQ(kKvInt4Channel.vector_bytes(64), 40u);
  EXPECT_EQ(kKvInt2Channel.vector_bytes(80), 36u);
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
      const bool half = f == &kKvInt4 || f->window > 0;  // f16 minima
      for (float v : back) EXPECT_NEAR(v, tiny, half ? 1e-7 : 1e-40) << f->name;
    }
  }
}

}  // namespace
}  // namespace paretune
