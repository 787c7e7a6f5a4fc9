// The small operations with AVX-512; the last, partial vector is masked.
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/elementwise_kernels.h"
#include "kernels/exp_avx.h"
#include "kernels/packing.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// The lanes of [i, i + 16) that lie before n.
inline __mmask16 lanes(std::size_t i, std::size_t n) {
  return static_cast<__mmask16>(n - i < 16 ? (1u << (n - i)) - 1 : 0xffffu);
}

PARETUNE_AVX512 void rms_norm(std::span<const float> x, std::span<const float> weight,
                              float epsilon, std::span<float> out) {
  const std::size_t n = x.size();
  __m512 squares = _mm512_setzero_ps();
  for (std::size_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps(lanes(i, n), x.data() + i);
    squares = _mm512_fmadd_ps(v, v, squares);
  }
  const float inverse = 1 / std::sqrt(_mm512_reduce_add_ps(squares) / float(n) + epsilon);
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(i, n);
    const __m512 v = _mm512_maskz_loadu_ps(mask, x.data() + i);
    const __m512 w = _mm512_maskz_loadu_ps(mask, weight.data() + i);
    _mm512_mask_storeu_ps(out.data() + i, mask,
                          _mm512_mul_ps(_mm512_mul_ps(v, _mm512_set1_ps(inverse)), w));
  }
}

PARETUNE_AVX512 void add(std::span<float> x, std::span<const float> y) {
  for (std::size_t i = 0; i < x.size(); i += 16) {
    const __mmask16 mask = lanes(i, x.size());
    _mm512_mask_storeu_ps(x.data() + i, mask,
                          _mm512_add_ps(_mm512_maskz_loadu_ps(mask, x.data() + i),
                                        _mm512_maskz_loadu_ps(mask, y.data() + i)));
  }
}

PARETUNE_AVX512 void silu_mul(std::span<const float> gate, std::span<const float> up,
                              std::span<float> out) {
  const __m512 one = _mm512_set1_ps(1);
  for (std::size_t i = 0; i < gate.size(); i += 16) {
    const __mmask16 mask = lanes(i, gate.size());
    const __m512 g = _mm512_maskz_loadu_ps(mask, gate.data() + i);
    const __m512 u = _mm512_maskz_loadu_ps(mask, up.data() + i);
    const __m512 e = exp_avx512(_mm512_sub_ps(_mm512_setzero_ps(), g));
    _mm512_mask_storeu_ps(out.data() + i, mask,
                          _mm512_mul_ps(_mm512_div_ps(g, _mm512_add_ps(one, e)), u));
  }
}

PARETUNE_AVX512 void rope(std::span<float> vectors, int head_dim, std::span<const float> cosines,
                          std::span<const float> sines) {
  const auto half = std::size_t(head_dim) / 2;
  float* const end = vectors.data() + vectors.size();
  for (float* head = vectors.data(); head < end; head += head_dim) {
    for (std::size_t i = 0; i < half; i += 16) {
      const __mmask16 mask = lanes(i, half);
      const __m512 a = _mm512_maskz_loadu_ps(mask, head + i);
      const __m512 b = _mm512_maskz_loadu_ps(mask, head + half + i);
      const __m512 c = _mm512_maskz_loadu_ps(mask, cosines.data() + i);
      const __m512 s = _mm512_maskz_loadu_ps(mask, sines.data() + i);
      _mm512_mask_storeu_ps(head + i, mask, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
      _mm512_mask_storeu_ps(head + half + i, mask, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
  }
}

PARETUNE_AVX512 float maximum_of(std::span<const float> x) {
  const __m512 lowest = _mm512_set1_ps(kMinusInfinity);
  __m512 maximum = lowest;
  for (std::size_t i = 0; i < x.size(); i += 16) {
    maximum =
        _mm512_max_ps(maximum, _mm512_mask_loadu_ps(lowest, lanes(i, x.size()), x.data() + i));
  }
  return _mm512_reduce_max_ps(maximum);
}

PARETUNE_AVX512 float softmax(std::span<float> x) {
  const float maximum = maximum_of(x);
  __m512 sum = _mm512_setzero_ps();
  for (std::size_t i = 0; i < x.size(); i += 16) {
    const __mmask16 mask = lanes(i, x.size());
    const __m512 v = _mm512_maskz_loadu_ps(mask, x.data() + i);
    const __m512 e =
        _mm512_maskz_mov_ps(mask, exp_avx512(_mm512_sub_ps(v, _mm512_set1_ps(maximum))));
    _mm512_mask_storeu_ps(x.data() + i, mask, e);
    sum = _mm512_add_ps(sum, e);
  }
  const float total = _mm512_reduce_add_ps(sum);
  for (std::size_t i = 0; i < x.size(); i += 16) {
    const __mmask16 mask = lanes(i, x.size());
    const __m512 e = _mm512_maskz_loadu_ps(mask, x.data() + i);
    _mm512_mask_storeu_ps(x.data() + i, mask, _mm512_mul_ps(e, _mm512_set1_ps(1 / total)));
  }
  return maximum + std::log(total);
}

PARETUNE_AVX512 float log_sum_exp(std::span<const float> x) {
  const float maximum = maximum_of(x);
  __m512 sum = _mm512_setzero_ps();
  for (std::size_t i = 0; i < x.size(); i += 16) {
    const __mmask16 mask = lanes(i, x.size());
    const __m512 v = _mm512_maskz_loadu_ps(mask, x.data() + i);
    const __m512 e = exp_avx512(_mm512_sub_ps(v, _mm512_set1_ps(maximum)));
    sum = _mm512_mask_add_ps(sum, mask, sum, e);
  }
  return maximum + std::log(_mm512_reduce_add_ps(sum));
}

PARETUNE_AVX512 int argmax(std::span<const float> x) {
  const __m512 maximum = _mm512_set1_ps(maximum_of(x));
  for (std::size_t i = 0; i < x.size(); i += 16) {
    const __mmask16 mask = lanes(i, x.size());
    const __mmask16 equal = _mm512_mask_cmp_ps_mask(mask, _mm512_maskz_loadu_ps(mask, x.data() + i),
                                                    maximum, _CMP_EQ_OQ);
    if (equal) return static_cast<int>(i) + __builtin_ctz(equal);
  }
  return 0;
}

PARETUNE_AVX512 float quantize_int8(std::span<const float> x, std::span<std::int8_t> codes,
                                    float reach) {
  __m512 largest16 = _mm512_set1_ps(reach);
  for (std::size_t i = 0; reach == 0 && i < x.size(); i += 16) {
    // The second operand is returned where the first is not a number.
    largest16 = _mm512_max_ps(
        _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes(i, x.size()), x.data() + i)), largest16);
  }
  const SymmetricScale symmetric(_mm512_reduce_max_ps(largest16));
  const __m512 inverse = _mm512_set1_ps(symmetric.inverse);
  for (std::size_t i = 0; i < codes.size(); i += 16) {
    const __mmask16 given = i < x.size() ? lanes(i, x.size()) : __mmask16{0};
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(given, x.data() + i), inverse);
    const __m512 clamped =
        _mm512_min_ps(_mm512_max_ps(scaled, _mm512_set1_ps(-127)), _mm512_set1_ps(127));
    _mm_mask_storeu_epi8(codes.data() + i, lanes(i, codes.size()),
                         _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(clamped)));
  }
  return symmetric.scale;
}

}  // namespace

constinit const Elementwise kElementwiseAvx512{Isa::avx512,   rms_norm, add,         silu_mul, rope,
                                               quantize_int8, softmax,  log_sum_exp, argmax};

}  // namespace paretune
