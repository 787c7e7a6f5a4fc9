// The small operations with AVX2. What is left of a row after whole vectors goes through a vector
// of its own, padded.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementwise_kernels.h"
#include "kernels/exp_avx.h"
#include "kernels/packing.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// min(n, 8) floats; the other lanes hold `padding`.
PARETUNE_AVX2 inline __m256 load(const float* from, std::size_t n, float padding = 0) {
  if (n >= 8) return _mm256_loadu_ps(from);
  alignas(32) float lanes[8];
  std::fill(std::copy_n(from, n, lanes), lanes + 8, padding);
  return _mm256_load_ps(lanes);
}

PARETUNE_AVX2 inline void store(float* to, std::size_t n, __m256 v) {
  if (n >= 8) return _mm256_storeu_ps(to, v);
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, v);
  std::copy_n(lanes, n, to);
}

PARETUNE_AVX2 inline float sum_of_lanes(__m256 v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

PARETUNE_AVX2 void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
                            std::span<float> out) {
  const std::size_t n = x.size();
  __m256 squares = _mm256_setzero_ps();
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256 v = load(x.data() + i, n - i);
    squares = _mm256_fmadd_ps(v, v, squares);
  }
  const float inverse = 1 / std::sqrt(sum_of_lanes(squares) / float(n) + epsilon);
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256 scaled = _mm256_mul_ps(load(x.data() + i, n - i), _mm256_set1_ps(inverse));
    store(out.data() + i, n - i, _mm256_mul_ps(scaled, load(weight.data() + i, n - i)));
  }
}

PARETUNE_AVX2 void add(std::span<float> x, std::span<const float> y) {
  const std::size_t n = x.size();
  for (std::size_t i = 0; i < n; i += 8) {
    store(x.data() + i, n - i, _mm256_add_ps(load(x.data() + i, n - i), load(y.data() + i, n - i)));
  }
}

PARETUNE_AVX2 void silu_mul(std::span<const float> gate, std::span<const float> up,
                            std::span<float> out) {
  const std::size_t n = gate.size();
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256 g = load(gate.data() + i, n - i);
    const __m256 e = exp_avx2(_mm256_sub_ps(_mm256_setzero_ps(), g));
    const __m256 silu = _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1), e));
    store(out.data() + i, n - i, _mm256_mul_ps(silu, load(up.data() + i, n - i)));
  }
}

PARETUNE_AVX2 void rope(std::span<float> vectors, int head_dim, std::span<const float> cosines,
                        std::span<const float> sines) {
  const auto half = std::size_t(head_dim) / 2;
  float* const end = vectors.data() + vectors.size();
  for (float* head = vectors.data(); head < end; head += head_dim) {
    for (std::size_t i = 0; i < half; i += 8) {
      const std::size_t n = half - i;
      const __m256 a = load(head + i, n), b = load(head + half + i, n);
      const __m256 c = load(cosines.data() + i, n), s = load(sines.data() + i, n);
      store(head + i, n, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
      store(head + half + i, n, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
  }
}

PARETUNE_AVX2 float maximum_of(std::span<const float> x) {
  __m256 maximum = _mm256_set1_ps(kMinusInfinity);
  for (std::size_t i = 0; i < x.size(); i += 8) {
    maximum = _mm256_max_ps(maximum, load(x.data() + i, x.size() - i, kMinusInfinity));
  }
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, maximum);
  return *std::max_element(lanes, lanes + 8);
}

PARETUNE_AVX2 float softmax(std::span<float> x) {
  const std::size_t n = x.size();
  const float maximum = maximum_of(x);
  __m256 sum = _mm256_setzero_ps();
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256 v = load(x.data() + i, n - i, kMinusInfinity);
    const __m256 e = exp_avx2(_mm256_sub_ps(v, _mm256_set1_ps(maximum)));
    store(x.data() + i, n - i, e);
    sum = _mm256_add_ps(sum, e);
  }
  const float total = sum_of_lanes(sum);
  for (std::size_t i = 0; i < n; i += 8) {
    store(x.data() + i, n - i, _mm256_mul_ps(load(x.data() + i, n - i), _mm256_set1_ps(1 / total)));
  }
  return maximum + std::log(total);
}

PARETUNE_AVX2 float log_sum_exp(std::span<const float> x) {
  const float maximum = maximum_of(x);
  __m256 sum = _mm256_setzero_ps();
  for (std::size_t i = 0; i < x.size(); i += 8) {
    const __m256 v = load(x.data() + i, x.size() - i, kMinusInfinity);
    sum = _mm256_add_ps(sum, exp_avx2(_mm256_sub_ps(v, _mm256_set1_ps(maximum))));
  }
  return maximum + std::log(sum_of_lanes(sum));
}

PARETUNE_AVX2 int argmax(std::span<const float> x) {
  const float maximum = maximum_of(x);
  std::size_t i = 0;
  for (; i + 8 <= x.size(); i += 8) {
    const int equal = _mm256_movemask_ps(
        _mm256_cmp_ps(_mm256_loadu_ps(x.data() + i), _mm256_set1_ps(maximum), _CMP_EQ_OQ));
    if (equal) return static_cast<int>(i) + __builtin_ctz(unsigned(equal));
  }
  for (; i < x.size(); ++i) {
    if (x[i] == maximum) return static_cast<int>(i);
  }
  return 0;
}

PARETUNE_AVX2 float quantize_int8(std::span<const float> x, std::span<std::int8_t> codes,
                                  float reach) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 largest8 = _mm256_set1_ps(reach);
  std::size_t i = reach == 0 ? 0 : x.size();
  for (; i + 8 <= x.size(); i += 8)
    largest8 = _mm256_max_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(x.data() + i)), largest8);
  alignas(32) float each[8];
  _mm256_store_ps(each, largest8);
  float largest = *std::max_element(each, each + 8);
  for (; i < x.size(); ++i) largest = std::max(largest, x[i] < 0 ? -x[i] : x[i]);

  const auto [scale, inverse] = SymmetricScale(largest);
  for (i = 0; i + 8 <= x.size(); i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x.data() + i), _mm256_set1_ps(inverse));
    const __m256 clamped =
        _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(-127)), _mm256_set1_ps(127));
    const __m256i wide = _mm256_cvtps_epi32(clamped);
    const __m128i codes16 =
        _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(codes.data() + i),
                     _mm_packs_epi16(codes16, codes16));
  }
  for (; i < x.size(); ++i)
    codes[i] = static_cast<std::int8_t>(round_within(x[i] * inverse, -127, 127));
  std::ranges::fill(codes.subspan(x.size()), std::int8_t{0});
  return scale;
}

}  // namespace

constinit const Elementwise kElementwiseAvx2{Isa::avx2,     rms_norm, add,         silu_mul, rope,
                                             quantize_int8, softmax,  log_sum_exp, argmax};

}  // namespace paretune
