// prepare_int8 with AVX2 and AVX-512: the same roundings as the scalar one, so the same bytes.
#include <algorithm>
#include <cstring>

#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

PARETUNE_AVX512 void quantize_row_avx512(const float* x, int k, const Int8Rows& rows,
                                         std::byte* row) {
  __m512 largest16 = _mm512_setzero_ps();
  for (int j = 0; j < k; j += 16) {
    const auto mask = static_cast<__mmask16>(k - j < 16 ? (1u << (k - j)) - 1 : 0xffffu);
    // The second operand is returned where the first is not a number.
    largest16 = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(mask, x + j)), largest16);
  }
  const float largest = _mm512_reduce_max_ps(largest16);
  const SymmetricScale symmetric(largest);
  const __m512 inverse = _mm512_set1_ps(symmetric.inverse);
  for (int j = 0; j < rows.kp; j += 16) {
    const auto mask =
        static_cast<__mmask16>(k - j < 16 ? (k > j ? (1u << (k - j)) - 1 : 0u) : 0xffffu);
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + j), inverse);
    const __m512 clamped =
        _mm512_min_ps(_mm512_max_ps(scaled, _mm512_set1_ps(-127)), _mm512_set1_ps(127));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + j),
                     _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(clamped)));
  }
  for (int g = 0; g < rows.groups; ++g) {
    __m256i sums = _mm256_setzero_si256();
    const int end = std::min((g + 1) * rows.group, rows.kp);
    for (int j = g * rows.group; j < end; j += 32) {  // groups are multiples of 32, or 16
      const auto* from = row + j;
      const __m256i codes =
          rows.group % 32 == 0
              ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))
              : _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      sums =
          _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), codes),
                                                   _mm256_set1_epi16(1)));
    }
    const std::int32_t negated = -_mm512_reduce_add_epi32(_mm512_zextsi256_si512(sums));
    std::memcpy(row + rows.sums_at() + std::size_t(g) * 4, &negated, 4);
  }
  std::memcpy(row + rows.scale_at(), &symmetric.scale, 4);
}

PARETUNE_AVX2 void quantize_row_avx2(const float* x, int k, const Int8Rows& rows, std::byte* row) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 largest8 = _mm256_setzero_ps();
  int j = 0;
  for (; j + 8 <= k; j += 8) {
    largest8 = _mm256_max_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(x + j)), largest8);
  }
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, largest8);
  float largest = *std::max_element(lanes, lanes + 8);
  for (; j < k; ++j) largest = std::max(largest, x[j] < 0 ? -x[j] : x[j]);

  const auto [scale, inverse] = SymmetricScale(largest);
  for (j = 0; j + 8 <= k; j += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + j), _mm256_set1_ps(inverse));
    const __m256 clamped =
        _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(-127)), _mm256_set1_ps(127));
    const __m256i codes = _mm256_cvtps_epi32(clamped);
    const __m128i codes16 =
        _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(row + j), _mm_packs_epi16(codes16, codes16));
  }
  auto* bytes = reinterpret_cast<std::int8_t*>(row);
  for (; j < k; ++j) bytes[j] = static_cast<std::int8_t>(round_within(x[j] * inverse, -127, 127));
  std::fill(bytes + k, bytes + rows.kp, std::int8_t{0});

  for (int g = 0; g < rows.groups; ++g) {
    std::int32_t negated = 0;
    const int end = std::min((g + 1) * rows.group, rows.kp);
    for (int i = g * rows.group; i < end; ++i) negated -= bytes[i];
    std::memcpy(row + rows.sums_at() + std::size_t(g) * 4, &negated, 4);
  }
  std::memcpy(row + rows.scale_at(), &scale, 4);
}

}  // namespace

void prepare_int8_avx512(const float* x, int k, int row_begin, int row_end, std::byte* prepared,
                         int group) {
  const Int8Rows rows(k, group);
  for (int i = row_begin; i < row_end; ++i) {
    quantize_row_avx512(x + std::size_t(i) * k, k, rows, prepared + std::size_t(i) * rows.stride);
  }
}

void prepare_int8_avx2(const float* x, int k, int row_begin, int row_end, std::byte* prepared,
                       int group) {
  const Int8Rows rows(k, group);
  for (int i = row_begin; i < row_end; ++i) {
    quantize_row_avx2(x + std::size_t(i) * k, k, rows, prepared + std::size_t(i) * rows.stride);
  }
}

}  // namespace paretune
