// The small operations, in every instruction set that this CPU has, against float64.
#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/elementwise_kernels.h"
#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

constexpr int kSizes[] = {1, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000};
constexpr double kEpsilon = 0x1p-24;

std::vector<const Elementwise*> runnable() {
  std::vector<const Elementwise*> rows;
  for (const Elementwise* e : elementwise_variants()) {
    if (cpu_has(e->needs)) {
      rows.push_back(e);
    } else {
      std::printf("skipped: elementwise %s\n", std::string(isa_name(e->needs)).c_str());
    }
  }
  return rows;
}

#define FOR_EACH_VARIANT_AND_SIZE               \
  for (const Elementwise* variant : runnable()) \
    for (int n : kSizes)

TEST(Elementwise, RmsNorm) {
  FOR_EACH_VARIANT_AND_SIZE {
    auto x = random_floats(n, 1);
    const auto weight = random_floats(n, 2);
    double squares = 0;
    for (float v : x) squares += double(v) * v;
    const double rms = std::sqrt(squares / n + 1e-5);
    std::vector<float> out(n);
    variant->rms_norm(x, weight, 1e-5f, out);
    for (int i = 0; i < n; ++i) {
      const double right = x[i] / rms * weight[i];
      EXPECT_NEAR(out[i], right, std::fabs(right) * (n / 2.0 + 8) * kEpsilon);
    }
    variant->rms_norm(x, weight, 1e-5f, x);  // in place
    EXPECT_EQ(x, out);
  }
}

TEST(Elementwise, QuantizeInt8IsTheSameToTheByteEverywhere) {
  FOR_EACH_VARIANT_AND_SIZE {
    const auto x = random_floats(n, 5);
    std::vector<std::int8_t> codes(static_cast<std::size_t>(n) + 5, std::int8_t{9});
    const float scale = variant->quantize_int8(x, codes, 0);
    float largest = 0;
    for (const float v : x) largest = std::max(largest, std::fabs(v));
    EXPECT_EQ(scale, largest / 127);
    for (int i = 0; i < n; ++i)
      EXPECT_LE(std::fabs(codes[std::size_t(i)] * scale - x[std::size_t(i)]), 0.501f * scale);
    for (std::size_t i = std::size_t(n); i < codes.size(); ++i) EXPECT_EQ(codes[i], 0) << i;
    std::vector<std::int8_t> right(codes.size());
    EXPECT_EQ(kElementwiseScalar.quantize_int8(x, right, 0), scale);
    EXPECT_EQ(codes, right);
    EXPECT_EQ(variant->quantize_int8(std::vector<float>(std::size_t(n)), codes, 0), 0);
    EXPECT_EQ(codes, std::vector<std::int8_t>(codes.size()));
  }
}

TEST(Elementwise, QuantizeInt8WithinAReach) {
  FOR_EACH_VARIANT_AND_SIZE {
    const auto x = random_floats(n, 5);
    constexpr float kReach = 0.4f;
    std::vector<std::int8_t> codes(static_cast<std::size_t>(n) + 5, std::int8_t{9}), right = codes;
    EXPECT_EQ(variant->quantize_int8(x, codes, kReach), kReach / 127);
    for (int i = 0; i < n; ++i) {
      const float clipped = std::clamp(x[std::size_t(i)], -kReach, kReach);
      EXPECT_NEAR(codes[std::size_t(i)] * kReach / 127, clipped, 0.501f * kReach / 127);
    }
    kElementwiseScalar.quantize_int8(x, right, kReach);
    EXPECT_EQ(codes, right);
  }
}

TEST(Elementwise, Add) {
  FOR_EACH_VARIANT_AND_SIZE {
    const auto x = random_floats(n, 3), y = random_floats(n, 4);
    auto sum = x;
    variant->add(sum, y);
    for (int i = 0; i < n; ++i) EXPECT_EQ(sum[i], x[i] + y[i]);
  }
}

TEST(Elementwise, SiluMul) {
  FOR_EACH_VARIANT_AND_SIZE {
    auto gate = random_floats(n, 5);
    const auto up = random_floats(n, 6);
    for (int i = 0; i < n; ++i) gate[i] *= float(i % 40);
    auto out = gate;
    variant->silu_mul(out, up, out);  // out may be gate
    for (int i = 0; i < n; ++i) {
      const double right = gate[i] / (1 + std::exp(-double(gate[i]))) * up[i];
      EXPECT_NEAR(out[i], right, std::fabs(right) * 12 * kEpsilon);
    }
  }
}

TEST(Elementwise, SiluMulOfExtremes) {
  for (const Elementwise* variant : runnable()) {
    std::vector<float> gate{-1e30f, -200, -100, 0, 100, 200, 1e30f, 1}, up(8, 1.0f), out(8);
    variant->silu_mul(gate, up, out);
    const std::vector<float> right{0, 0, 0, 0, 100, 200, 1e30f, 0.731058578f};
    for (int i = 0; i < 8; ++i) EXPECT_NEAR(out[i], right[i], 1e-6 * std::fabs(right[i]) + 1e-36);
  }
}

TEST(Elementwise, Rope) {
  for (const Elementwise* variant : runnable()) {
    for (int head_dim : {2, 8, 12, 64, 80, 128}) {
      const int half = head_dim / 2, n_heads = 3;
      const auto x = random_floats(n_heads * head_dim, 7);
      std::vector<float> cosines(half), sines(half);
      for (int i = 0; i < half; ++i) cosines[i] = std::cos(float(i)), sines[i] = std::sin(float(i));
      auto rotated = x;
      variant->rope(rotated, head_dim, cosines, sines);
      for (int h = 0; h < n_heads; ++h) {
        for (int i = 0; i < half; ++i) {
          const double a = x[h * head_dim + i], b = x[h * head_dim + half + i];
          EXPECT_NEAR(rotated[h * head_dim + i], a * cosines[i] - b * sines[i], 4 * kEpsilon);
          EXPECT_NEAR(rotated[h * head_dim + half + i], b * cosines[i] + a * sines[i],
                      4 * kEpsilon);
        }
      }
    }
  }
}

TEST(Elementwise, SoftmaxAndLogSumExp) {
  FOR_EACH_VARIANT_AND_SIZE {
    auto x = random_floats(n, 8);
    for (float& v : x) v = v * 30 + 500;  // exp alone would overflow
    double largest = -INFINITY, total = 0;
    for (float v : x) largest = std::max<double>(largest, v);
    for (float v : x) total += std::exp(v - largest);
    const double right = largest + std::log(total);
    EXPECT_NEAR(variant->log_sum_exp(x), right, right * 4 * kEpsilon + n * kEpsilon);
    auto p = x;
    EXPECT_NEAR(variant->softmax(p), right, right * 4 * kEpsilon + n * kEpsilon);
    for (int i = 0; i < n; ++i) {
      const double weight = std::exp(x[i] - largest) / total;
      EXPECT_NEAR(p[i], weight, weight * (n + 16) * kEpsilon + 1e-37);
    }
  }
}

// One softmax of (0, x) gives e^x / (1 + e^x): for x ≪ 0 that is e^x, seen through no sum.
TEST(Elementwise, ExponentialIsAccurate) {
  for (const Elementwise* variant : runnable()) {
    for (double x = -87; x <= 0; x += 0.0137) {
      std::vector<float> pair{0, float(x)};
      variant->softmax(pair);
      const double right = std::exp(double(float(x))) / (1 + std::exp(double(float(x))));
      EXPECT_NEAR(pair[1], right, right * 5 * kEpsilon) << isa_name(variant->needs) << " " << x;
    }
    std::vector<float> below{0, -104.5f, -1e30f, -std::numeric_limits<float>::infinity()};
    variant->softmax(below);
    EXPECT_EQ(below, (std::vector<float>{1, 0, 0, 0}));
  }
}

TEST(Elementwise, ArgmaxIsTheFirstOfEquals) {
  FOR_EACH_VARIANT_AND_SIZE {
    auto x = random_floats(n, 9);
    for (int first : {0, n / 2, n - 1}) {
      auto y = x;
      y[first] = y[n - 1] = 2;
      EXPECT_EQ(variant->argmax(y), first);
    }
    EXPECT_EQ(variant->argmax(std::vector<float>(n, -5.0f)), 0);
  }
}

TEST(Elementwise, DispatchesToTheFirstThatRuns) {
  const Elementwise* best = runnable().front();
  auto x = random_floats(100, 12), y = x;
  softmax(x);
  best->softmax(y);
  EXPECT_EQ(x, y);
  EXPECT_EQ(argmax(x), best->argmax(x));
  EXPECT_EQ(log_sum_exp(x), best->log_sum_exp(x));
}

}  // namespace
}  // namespace paretune
