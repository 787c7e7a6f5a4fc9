// exp of 8 or 16 floats: 2^n times a polynomial in the rest, |rest| ≤ ln(2)/2 (coefficients: Cephes
// expf). Relative error below 1.5e-7 where the result is normal; gradual underflow to 0, overflow
// to infinity, -inf gives 0.
#pragma once

#include "kernels/target.h"

namespace paretune {

inline constexpr float kLog2E = 1.44269504088896341f;
inline constexpr float kLn2High = 0.693359375f;  // few bits: n * kLn2High is exact
inline constexpr float kLn2Low = -2.12194440e-4f;
inline constexpr float kExpLowest = -105, kExpHighest = 89;  // 0 and infinity lie beyond
inline constexpr float kExpPolynomial[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                           4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};

PARETUNE_AVX512 inline __m512 exp_avx512(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(kExpLowest), x);  // in this order, not-a-number passes
  x = _mm512_min_ps(_mm512_set1_ps(kExpHighest), x);
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(kLog2E)), 0);
  __m512 rest = _mm512_fnmadd_ps(n, _mm512_set1_ps(kLn2High), x);
  rest = _mm512_fnmadd_ps(n, _mm512_set1_ps(kLn2Low), rest);
  __m512 p = _mm512_set1_ps(kExpPolynomial[0]);
  PARETUNE_UNROLL for (int i = 1; i < 6; ++i) {
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(kExpPolynomial[i]));
  }
  p = _mm512_fmadd_ps(p, _mm512_mul_ps(rest, rest), rest);
  return _mm512_scalef_ps(_mm512_add_ps(p, _mm512_set1_ps(1)), n);
}

PARETUNE_AVX2 inline __m256 exp_avx2(__m256 x) {
  x = _mm256_max_ps(_mm256_set1_ps(kExpLowest), x);
  x = _mm256_min_ps(_mm256_set1_ps(kExpHighest), x);
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(kLog2E)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 rest = _mm256_fnmadd_ps(n, _mm256_set1_ps(kLn2High), x);
  rest = _mm256_fnmadd_ps(n, _mm256_set1_ps(kLn2Low), rest);
  __m256 p = _mm256_set1_ps(kExpPolynomial[0]);
  PARETUNE_UNROLL for (int i = 1; i < 6; ++i) {
    p = _mm256_fmadd_ps(p, rest, _mm256_set1_ps(kExpPolynomial[i]));
  }
  p = _mm256_fmadd_ps(p, _mm256_mul_ps(rest, rest), rest);
  p = _mm256_add_ps(p, _mm256_set1_ps(1));
  // 2^n in two factors, for n reaches from -151 to 128.
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1), other = _mm256_sub_epi32(whole, half);
  const __m256i bias = _mm256_set1_epi32(127);
  p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
  return _mm256_mul_ps(p,
                       _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(other, bias), 23)));
}

}  // namespace paretune
