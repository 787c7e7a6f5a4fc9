// int8 activations with AVX2.
//
// With int8 weights both sides are widened to 16 bits and multiplied by vpmaddwd: vpmaddubsw would
// saturate, for its pairs of unsigned by signed bytes reach 2 * 255 * 127. With int4 weights it is
// safe: a pair reaches 2 * 15 * 127 = 3810, so that even the sums of 8 pairs fit 16 bits.
#include <algorithm>
#include <cstring>

#include "kernels/int4.h"
#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr int kRows = 2;

PARETUNE_AVX2 inline __m256i load_bytes(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

inline std::int32_t read_int(const std::byte* from) {
  std::int32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline float read_float(const std::byte* from) {
  float value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

PARETUNE_AVX2 void store(__m256 low, __m256 high, int columns, float* y) {
  if (columns >= kPanelColumns) {
    _mm256_storeu_ps(y, low);
    _mm256_storeu_ps(y + 8, high);
    return;
  }
  alignas(32) float lanes[kPanelColumns];
  _mm256_store_ps(lanes, low);
  _mm256_store_ps(lanes + 8, high);
  std::copy_n(lanes, columns, y);
}

template <int Group, int MR>
struct Tile;

template <int MR>
struct Tile<0, MR> {
  PARETUNE_AVX2 static void run(const std::byte* a, const Int8Rows& rows, const PackedMatrix& w,
                                int panel, float* y, std::size_t ldy) {
    const std::byte* codes = w.data.data() + std::size_t(panel) * int8_panel_bytes(w.k);
    __m256i sum[MR][4];  // two partial sums of each of 4 columns
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      PARETUNE_UNROLL for (int q = 0; q < 4; ++q) sum[r][q] = _mm256_setzero_si256();
    }
    for (int k = 0; k < rows.kp; k += 4) {
      __m256i four[MR];
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        four[r] = _mm256_cvtepi8_epi16(_mm_set1_epi32(read_int(a + r * rows.stride + k)));
      }
      PARETUNE_UNROLL for (int q = 0; q < 4; ++q) {
        const std::byte* line = codes + std::size_t(k) * kPanelColumns + 16 * q;
        const __m256i weights =
            _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(line)));
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          sum[r][q] = _mm256_add_epi32(sum[r][q], _mm256_madd_epi16(weights, four[r]));
        }
      }
    }
    const std::byte* scales = codes + std::size_t(rows.kp) * kPanelColumns;
    const __m256 low_scale = _mm256_loadu_ps(reinterpret_cast<const float*>(scales));
    const __m256 high_scale = _mm256_loadu_ps(reinterpret_cast<const float*>(scales) + 8);
    const int first = panel * kPanelColumns;
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      // hadd interleaves the two vectors' 128-bit halves; the permutation restores the order of
      // columns.
      const __m256i low =
          _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[r][0], sum[r][1]), 0b11'01'10'00);
      const __m256i high =
          _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[r][2], sum[r][3]), 0b11'01'10'00);
      const __m256 scale = _mm256_set1_ps(read_float(a + r * rows.stride + rows.scale_at()));
      store(_mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(low), low_scale), scale),
            _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(high), high_scale), scale), w.n - first,
            y + r * ldy + first);
    }
  }
};

template <int Group, int MR>
struct Tile {
  PARETUNE_AVX2 static void run(const std::byte* a, const Int8Rows& rows, const PackedMatrix& w,
                                int panel, float* y, std::size_t ldy) {
    const Int4Layout layout(w.k, Group);
    const std::byte* codes = w.data.data() + std::size_t(panel) * layout.panel_bytes;
    const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    __m256 total[MR][2];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) total[r][0] = total[r][1] = _mm256_setzero_ps();
    for (int g = 0; g < layout.groups; ++g) {
      __m256i sum[MR][2];
      PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
        const std::byte* zeros = codes + layout.zeros_at(g) + 8 * half;
        const __m256i zero =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(zeros)));
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          // Both factors fit 16 bits: zero ≤ 15, |Σ a| ≤ 256 * 127.
          const std::int32_t negated =
              read_int(a + r * rows.stride + rows.sums_at() + std::size_t(g) * 4);
          sum[r][half] = _mm256_madd_epi16(zero, _mm256_set1_epi32(negated));
        }
      }
      const int end = std::min((g + 1) * Group, layout.kp);
      const std::byte* line = codes + layout.line_at(g * Group);
      for (int k = g * Group; k < end; k += 32, line += 256) {
        __m256i narrow[MR][2];  // 16-bit sums of 32 k
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          narrow[r][0] = narrow[r][1] = _mm256_setzero_si256();
        }
        for (int i = k; i < k + 32; i += 8) {
          PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
            const __m256i both = load_bytes(line + (i - k) * 8 + 32 * half);
            const __m256i low = _mm256_and_si256(both, nibble);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
            PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
              const std::byte* row = a + r * rows.stride + i;
              const __m256i first = _mm256_set1_epi32(read_int(row));
              const __m256i second = _mm256_set1_epi32(read_int(row + 4));
              narrow[r][half] = _mm256_add_epi16(
                  narrow[r][half], _mm256_add_epi16(_mm256_maddubs_epi16(low, first),
                                                    _mm256_maddubs_epi16(high, second)));
            }
          }
        }
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
            sum[r][half] = _mm256_add_epi32(sum[r][half], _mm256_madd_epi16(narrow[r][half], ones));
          }
        }
      }
      PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
        const std::byte* scales = codes + layout.scales_at(g) + 16 * half;
        const __m256 scale =
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)));
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          total[r][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[r][half]), scale, total[r][half]);
        }
      }
    }
    const int first = panel * kPanelColumns;
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m256 scale = _mm256_set1_ps(read_float(a + r * rows.stride + rows.scale_at()));
      store(_mm256_mul_ps(total[r][0], scale), _mm256_mul_ps(total[r][1], scale), w.n - first,
            y + r * ldy + first);
    }
  }
};

}  // namespace

template <const WeightFormat& W>
void int8_avx2(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
               std::size_t ldy) {
  constexpr int G = kGroup<W>;
  const Int8Rows rows(w.k, G);
  for (int panel = 0; panel < w.panels(); ++panel) {
    int i = 0;
    for (; i + kRows <= m; i += kRows) {
      Tile<G, kRows>::run(prepared + i * rows.stride, rows, w, panel, y + i * ldy, ldy);
    }
    if (i < m) Tile<G, 1>::run(prepared + i * rows.stride, rows, w, panel, y + i * ldy, ldy);
  }
}
template Run int8_avx2<kInt8>;
template Run int8_avx2<kInt4G32>;
template Run int8_avx2<kInt4G64>;
template Run int8_avx2<kInt4G128>;
template Run int8_avx2<kInt4G256>;

}  // namespace paretune
