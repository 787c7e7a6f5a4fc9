// prepare_int8 with AVX2 and AVX-512: the same roundings as the scalar one, so the same bytes.
#include <algorithm>
#include <cstring>

#include "kernels/elementwise_kernels.h"
#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

PARETUNE_AVX512 void quantize_row_avx512(const float* x, int k, const Int8Rows& rows,
                                         std::byte* row, float reach) {
  const float scale = kElementwiseAvx512.quantize_int8(
      {x, std::size_t(k)}, {reinterpret_cast<std::int8_t*>(row), std::size_t(rows.kp)}, reach);
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
  std::memcpy(row + rows.scale_at(), &scale, 4);
}

void quantize_row_avx2(const float* x, int k, const Int8Rows& rows, std::byte* row, float reach) {
  auto* const codes = reinterpret_cast<std::int8_t*>(row);
  const float scale =
      kElementwiseAvx2.quantize_int8({x, std::size_t(k)}, {codes, std::size_t(rows.kp)}, reach);
  for (int g = 0; g < rows.groups; ++g) {
    std::int32_t negated = 0;
    const int end = std::min((g + 1) * rows.group, rows.kp);
    for (int i = g * rows.group; i < end; ++i) negated -= codes[i];
    std::memcpy(row + rows.sums_at() + std::size_t(g) * 4, &negated, 4);
  }
  std::memcpy(row + rows.scale_at(), &scale, 4);
}

}  // namespace

void prepare_int8_avx512(const float* x, int k, int row_begin, int row_end, std::byte* prepared,
                         int group, float reach) {
  const Int8Rows rows(k, group);
  for (int i = row_begin; i < row_end; ++i) {
    quantize_row_avx512(x + std::size_t(i) * k, k, rows, prepared + std::size_t(i) * rows.stride,
                        reach);
  }
}

void prepare_int8_avx2(const float* x, int k, int row_begin, int row_end, std::byte* prepared,
                       int group, float reach) {
  const Int8Rows rows(k, group);
  for (int i = row_begin; i < row_end; ++i) {
    quantize_row_avx2(x + std::size_t(i) * k, k, rows, prepared + std::size_t(i) * rows.stride,
                      reach);
  }
}

}  // namespace paretune
