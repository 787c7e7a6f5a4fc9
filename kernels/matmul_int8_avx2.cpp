// int8 activations with AVX2.
//
// With int8 weights both sides are widened to 16 bits and multiplied by vpmaddwd: vpmaddubsw would
// saturate, for its pairs of unsigned by signed bytes reach 2 * 255 * 127. With codes of up to 4
// bits it is safe: a pair reaches 2 * 15 * 127 = 3810, so that even the sums of 8 pairs fit 16
// bits.
#include <algorithm>
#include <cstring>

#include "kernels/grouped_avx.h"
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

struct Whole;  // int8: one group a row

template <class G, int MR>
struct Tile;

template <int MR>
struct Tile<Whole, MR> {
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

// Unsigned codes by signed activations into 16-bit sums of pairs, exact: up to 4 bits for 8 pairs,
// up to 6 for 2. 8-bit codes are taken as signed (less 128) and their signs moved over.
template <int Bits>
PARETUNE_AVX2 inline __m256i pair_products(__m256i codes, __m256i four) {
  if constexpr (Bits < 8) return _mm256_maddubs_epi16(codes, four);
  const __m256i centred = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
  return _mm256_maddubs_epi16(_mm256_abs_epi8(centred), _mm256_sign_epi8(four, centred));
}

template <class G, int MR>
struct Tile {
  static constexpr int kShared = G::kGroup < G::kChunk ? G::kChunk / G::kGroup : 1;
  static constexpr int kUnit = std::max(G::kGroup, G::kChunk);
  static constexpr int kGroupVectors = G::kVectors / kShared;
  static constexpr int kNarrow = G::kOperandBits <= 4   ? 8
                                 : G::kOperandBits <= 6 ? 2
                                                        : 1;  // sums of 16 bits

  PARETUNE_AVX2 static void run(const std::byte* a, const Int8Rows& rows, const PackedMatrix& w,
                                int panel, float* y, std::size_t ldy) {
    const std::byte* data = w.data.data() + std::size_t(panel) * G::panel_bytes(w.k);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256 total[MR][2];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) total[r][0] = total[r][1] = _mm256_setzero_ps();
    for (int unit = 0; unit < rows.kp; unit += kUnit) {
      PARETUNE_UNROLL for (int i = 0; i < kShared; ++i) {
        const int g = unit / G::kGroup + i;
        __m256i sum[MR][2];
        PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
          const __m256i zero = G::kMinimum || G::kOperandBits == 8 ? _mm256_setzero_si256()
                                                                   : half_zero<G>(data, g, half);
          PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
            // Both factors fit 16 bits: zero ≤ 32, |Σ a| ≤ 256 * 127.
            sum[r][half] = _mm256_madd_epi16(zero, _mm256_set1_epi32(negated_sum(a, rows, r, g)));
          }
        }
        const int end = std::min(unit + kUnit, rows.kp);
        for (int k = unit; k < end; k += G::kChunk) {
          const std::byte* chunk = data + G::chunk_at(k);
          PARETUNE_UNROLL for (int v = i * kGroupVectors; v < (i + 1) * kGroupVectors;
                               v += kNarrow) {
            constexpr int kCount = std::min(kNarrow, kGroupVectors);
            PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
              __m256i narrow[MR];
              PARETUNE_UNROLL for (int r = 0; r < MR; ++r) narrow[r] = _mm256_setzero_si256();
              PARETUNE_UNROLL for (int j = v; j < v + kCount; ++j) {
                const __m256i codes = half_codes<G>(chunk, j, half);
                PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
                  const __m256i four = _mm256_set1_epi32(read_int(a + r * rows.stride + k + 4 * j));
                  narrow[r] =
                      _mm256_add_epi16(narrow[r], pair_products<G::kOperandBits>(codes, four));
                }
              }
              PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
                sum[r][half] = _mm256_add_epi32(sum[r][half], _mm256_madd_epi16(narrow[r], ones));
              }
            }
          }
        }
        PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
          const __m256 scale = half_scale<G>(data, g, half);
          PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
            total[r][half] =
                _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[r][half]), scale, total[r][half]);
          }
          if constexpr (G::kMinimum) {
            const __m256 minimum = half_minimum<G>(data, g, half);
            PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
              const __m256 negated =
                  _mm256_cvtepi32_ps(_mm256_set1_epi32(negated_sum(a, rows, r, g)));
              total[r][half] = _mm256_fmadd_ps(negated, minimum, total[r][half]);
            }
          }
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

  static std::int32_t negated_sum(const std::byte* a, const Int8Rows& rows, int r, int g) {
    return read_int(a + r * rows.stride + rows.sums_at() + std::size_t(g) * 4);
  }
};

template <const WeightFormat& W>
struct GridOrWholeOf {
  using Type = GridOf<W>;
};
template <>
struct GridOrWholeOf<kInt8> {
  using Type = Whole;
};

}  // namespace

template <const WeightFormat& W>
void int8_avx2(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
               std::size_t ldy) {
  using G = typename GridOrWholeOf<W>::Type;
  const Int8Rows rows(w.k, kGroup<W>);
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
template Run int8_avx2<kInt8G32>;
template Run int8_avx2<kQ6K>;
template Run int8_avx2<kQ4K>;
template Run int8_avx2<kInt3G32>;
template Run int8_avx2<kInt3G64>;
template Run int8_avx2<kInt3G128>;
template Run int8_avx2<kInt2G64>;
template Run int8_avx2<kNf4G64>;
template Run int8_avx2<kNf3G64>;
template Run int8_avx2<kIq4Nl>;
template Run int8_avx2<kQ40>;
template Run int8_avx2<kInt2G32>;

}  // namespace paretune
