// f32 activations with AVX-512: weights become f32 in registers, 16 columns a vector.
//
//   m ≤ 4   4 panels × m rows of sums; weights are expanded in registers
//   m ≤ 8   2 panels × m rows, the same
//   m > 8   2 panels × up to 12 rows; 128 k at a time are expanded into 16 KiB of stack
//
// Four panels are four streams, which hide the latency of multiply-adds and of memory. What is
// expanded stays in L1 and serves all rows, while y holds the partial sums. Both add the same
// products in the same order, so a row's result does not depend on m.
#include <algorithm>
#include <type_traits>

#include "kernels/grouped_avx.h"
#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr int kUnit = 32;    // k between two looks at scales
constexpr int kChunk = 128;  // k expanded at once

// Weights of one panel as f32. `unit(k)` before the 32 that start at k, `load(k, w)` for the 8 that
// lie at `eight(k)`; `finish` scales sums.
template <const WeightFormat& W>
struct Panel;

template <>
struct Panel<kF32> {
  static constexpr int kBytesPer8 = 512;
  const float* codes;
  Panel(const PackedMatrix& w, int panel)
      : codes(reinterpret_cast<const float*>(w.data.data()) +
              std::size_t(panel) * padded_k(w.k) * kPanelColumns) {}
  const auto* eight(int k) const {
    return reinterpret_cast<const std::byte*>(codes) + std::size_t(k / 8) * kBytesPer8;
  }
  void unit(int) {}
  PARETUNE_AVX512 void load(int k, __m512 (&w)[8]) const {
    PARETUNE_UNROLL for (int i = 0; i < 8; ++i) {
      w[i] = _mm512_loadu_ps(codes + std::size_t(k + i) * kPanelColumns);
    }
  }
  PARETUNE_AVX512 __m512 finish(__m512 sum) const { return sum; }
};

template <>
struct Panel<kBf16> {
  static constexpr int kBytesPer8 = 256;
  const std::byte* codes;
  Panel(const PackedMatrix& w, int panel)
      : codes(w.data.data() + std::size_t(panel) * padded_k(w.k) * kPanelColumns * 2) {}
  const auto* eight(int k) const {
    return reinterpret_cast<const std::byte*>(codes) + std::size_t(k / 8) * kBytesPer8;
  }
  void unit(int) {}
  PARETUNE_AVX512 void load(int k, __m512 (&w)[8]) const {
    PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
      const __m512i pair = _mm512_loadu_si512(codes + std::size_t(k / 2 + i) * 64);
      w[2 * i] = _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16));
      w[2 * i + 1] = _mm512_castsi512_ps(_mm512_and_si512(pair, _mm512_set1_epi32(~0xffff)));
    }
  }
  PARETUNE_AVX512 __m512 finish(__m512 sum) const { return sum; }
};

template <>
struct Panel<kInt8> {
  static constexpr int kBytesPer8 = 128;
  const std::byte* codes;
  const float* scales;
  Panel(const PackedMatrix& w, int panel)
      : codes(w.data.data() + std::size_t(panel) * int8_panel_bytes(w.k)),
        scales(reinterpret_cast<const float*>(codes + std::size_t(padded_k(w.k)) * kPanelColumns)) {
  }
  const auto* eight(int k) const {
    return reinterpret_cast<const std::byte*>(codes) + std::size_t(k / 8) * kBytesPer8;
  }
  void unit(int) {}
  PARETUNE_AVX512 void load(int k, __m512 (&w)[8]) const {
    PARETUNE_UNROLL for (int i = 0; i < 2; ++i) {
      const __m512i line = _mm512_loadu_si512(codes + std::size_t(k / 4 + i) * 64);
      w[4 * i] = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(line, 24), 24));
      w[4 * i + 1] = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(line, 16), 24));
      w[4 * i + 2] = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(line, 8), 24));
      w[4 * i + 3] = _mm512_cvtepi32_ps(_mm512_srai_epi32(line, 24));
    }
  }
  PARETUNE_AVX512 __m512 finish(__m512 sum) const {
    return _mm512_mul_ps(sum, _mm512_loadu_ps(scales));
  }
};

// What codes of 4 bits stand for.
template <class G>
PARETUNE_AVX512 inline __m512 numbers_of() {
  if constexpr (G::kLevels) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(G::levels().data()))));
  } else {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
}

template <const WeightFormat& W>
struct Panel {
  using G = GridOf<W>;
  static constexpr int kShared = G::kGroup < kUnit ? kUnit / G::kGroup : 1;
  static constexpr int kBytesPer8 = 16 * G::kBits;
  const std::byte* data;
  // weight = code * scale + offset, exact but for the one rounding
  __m512 scale[kShared], offset[kShared];

  PARETUNE_AVX512 Panel(const PackedMatrix& w, int panel)
      : data(w.data.data() + std::size_t(panel) * G::panel_bytes(w.k)) {
    PARETUNE_UNROLL for (int i = 0; i < kShared; ++i) scale[i] = offset[i] = _mm512_setzero_ps();
  }
  const std::byte* eight(int k) const {
    return data + G::chunk_at(k) + std::size_t(k % G::kChunk / 8) * kBytesPer8;
  }
  PARETUNE_AVX512 void unit(int k) {
    PARETUNE_UNROLL for (int i = 0; i < kShared; ++i) {
      const int g = k / G::kGroup + i;
      scale[i] = group_scale<G>(data, g);
      if constexpr (G::kMinimum) {
        offset[i] = _mm512_sub_ps(_mm512_setzero_ps(), group_minimum<G>(data, g));
      } else {
        offset[i] = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(group_zero<G>(data, g)), scale[i],
                                     _mm512_setzero_ps());
      }
    }
  }
  PARETUNE_AVX512 void load(int k, __m512 (&w)[8]) const {
    const int i = kShared == 1 ? 0 : k % kUnit / G::kGroup;
    if constexpr (G::kBits == 4) {
      const __m512i line = _mm512_loadu_si512(eight(k));
      // A permutation looks at the low four bits of each index only: mask and conversion in one.
      const __m512 numbers = numbers_of<G>();
      PARETUNE_UNROLL for (int j = 0; j < 4; ++j) {
        const __m512i low = _mm512_srli_epi32(line, unsigned(8 * j));
        const __m512i high = _mm512_srli_epi32(line, unsigned(8 * j + 4));
        w[j] = _mm512_fmadd_ps(_mm512_permutexvar_ps(low, numbers), scale[i], offset[i]);
        w[4 + j] = _mm512_fmadd_ps(_mm512_permutexvar_ps(high, numbers), scale[i], offset[i]);
      }
    } else {
      const std::byte* chunk = data + G::chunk_at(k);
      __m512i codes[2];
      switch (k % G::kChunk / 8) {
        case 0:
          codes[0] = codes_of<G>(chunk, 0), codes[1] = codes_of<G>(chunk, 1);
          break;
        case 1:
          codes[0] = codes_of<G>(chunk, 2), codes[1] = codes_of<G>(chunk, 3);
          break;
        case 2:
          codes[0] = codes_of<G>(chunk, 4), codes[1] = codes_of<G>(chunk, 5);
          break;
        default:
          codes[0] = codes_of<G>(chunk, 6), codes[1] = codes_of<G>(chunk, 7);
      }
      PARETUNE_UNROLL for (int v = 0; v < 2; ++v) {
        PARETUNE_UNROLL for (int j = 0; j < 4; ++j) {
          const __m512i code = _mm512_and_si512(_mm512_srli_epi32(codes[v], unsigned(8 * j)),
                                                _mm512_set1_epi32(255));
          w[4 * v + j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(code), scale[i], offset[i]);
        }
      }
    }
  }
  PARETUNE_AVX512 __m512 finish(__m512 sum) const { return sum; }
};

// Which of a panel's columns exist.
__mmask16 columns_of(int panel, int n) {
  const int columns = std::min(n - panel * kPanelColumns, kPanelColumns);
  return static_cast<__mmask16>((1u << columns) - 1);
}

// m ≤ 8: MR rows of Count panels from `panel` on.
template <const WeightFormat& W, int Count, int MR>
PARETUNE_AVX512 void decode(const float* x, std::size_t stride, const PackedMatrix& w, int panel,
                            int prefetch, float* y, std::size_t ldy) {
  Panel<W> panels[4] = {Panel<W>(w, panel), Panel<W>(w, panel + (Count > 1)),
                        Panel<W>(w, panel + (Count > 1) * 2), Panel<W>(w, panel + (Count > 1) * 3)};
  __m512 sum[MR][Count];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) sum[r][p] = _mm512_setzero_ps();
  }
  const int kp = padded_k(w.k);
  for (int unit = 0; unit < kp; unit += kUnit) {
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) panels[p].unit(unit);
    for (int k = unit; k < unit + kUnit; k += 8) {
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
        const char* ahead = reinterpret_cast<const char*>(panels[p].eight(k)) + prefetch;
        PARETUNE_UNROLL for (int line = 0; line < Panel<W>::kBytesPer8; line += 64) {
          _mm_prefetch(ahead + line, _MM_HINT_T0);
        }
        __m512 weights[8];
        panels[p].load(k, weights);
        PARETUNE_UNROLL for (int i = 0; i < 8; ++i) {
          PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
            sum[r][p] =
                _mm512_fmadd_ps(weights[i], _mm512_set1_ps(x[r * stride + k + i]), sum[r][p]);
          }
        }
      }
    }
  }
  PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      _mm512_mask_storeu_ps(y + r * ldy + (panel + p) * kPanelColumns, columns_of(panel + p, w.n),
                            panels[p].finish(sum[r][p]));
    }
  }
}

template <const WeightFormat& W, int MR>
void decode_rows(const float* x, std::size_t stride, const PackedMatrix& w, const Walk& walk,
                 float* y, std::size_t ldy) {
  constexpr int kMost = MR <= 4 ? 4 : 2;
  const int panels = w.panels();
  int panel = 0;
  if (walk.streams >= kMost) {
    for (; panel + kMost <= panels; panel += kMost) {
      decode<W, kMost, MR>(x, stride, w, panel, walk.prefetch, y, ldy);
    }
  }
  for (; panel < panels; ++panel) decode<W, 1, MR>(x, stride, w, panel, walk.prefetch, y, ldy);
}

// y[MR][Count * 16] (+)= x[MR][depth] · f32 weights, `weights` being Count blocks of (depth, 16)
// that lie `apart` floats apart.
template <int Count, int MR>
PARETUNE_AVX512 void block(const float* x, std::size_t stride, const float* weights,
                           std::size_t apart, int depth, bool first, const __mmask16* columns,
                           float* y, std::size_t ldy) {
  __m512 sum[MR][Count];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      sum[r][p] = first ? _mm512_setzero_ps()
                        : _mm512_maskz_loadu_ps(columns[p], y + r * ldy + p * kPanelColumns);
    }
  }
  for (int k = 0; k < depth; ++k) {
    __m512 w[Count];
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      w[p] = _mm512_loadu_ps(weights + p * apart + std::size_t(k) * kPanelColumns);
    }
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m512 a = _mm512_set1_ps(x[r * stride + k]);
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) sum[r][p] =
          _mm512_fmadd_ps(w[p], a, sum[r][p]);
    }
  }
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      _mm512_mask_storeu_ps(y + r * ldy + p * kPanelColumns, columns[p], sum[r][p]);
    }
  }
}

constexpr int kBlockRows = 12;

using Block = void(const float*, std::size_t, const float*, std::size_t, int, bool,
                   const __mmask16*, float*, std::size_t);
template <int Count>
constexpr Block* kBlocks[kBlockRows] = {block<Count, 1>,  block<Count, 2>,  block<Count, 3>,
                                        block<Count, 4>,  block<Count, 5>,  block<Count, 6>,
                                        block<Count, 7>,  block<Count, 8>,  block<Count, 9>,
                                        block<Count, 10>, block<Count, 11>, block<Count, 12>};

template <const WeightFormat& W>
PARETUNE_AVX512 void expand(Panel<W>& panel, int k_begin, int k_end, float* out) {
  for (int unit = k_begin; unit < k_end; unit += kUnit) {
    panel.unit(unit);
    for (int k = unit; k < unit + kUnit; k += 8) {
      __m512 weights[8];
      panel.load(k, weights);
      PARETUNE_UNROLL for (int i = 0; i < 8; ++i) {
        _mm512_store_ps(out + std::size_t(k - k_begin + i) * kPanelColumns, weights[i]);
      }
    }
  }
}

template <const WeightFormat& W>
PARETUNE_AVX512 void scale_columns(const Panel<W>& panel, int m, __mmask16 columns, float* y,
                                   std::size_t ldy) {
  for (int i = 0; i < m; ++i) {
    const __m512 sum = _mm512_maskz_loadu_ps(columns, y + i * ldy);
    _mm512_mask_storeu_ps(y + i * ldy, columns, panel.finish(sum));
  }
}

template <const WeightFormat& W>
PARETUNE_AVX512 void prefill(const float* x, std::size_t stride, int m, const PackedMatrix& w,
                             float* y, std::size_t ldy) {
  alignas(64) float expanded[2 * kChunk * kPanelColumns];
  const int kp = padded_k(w.k);
  const int panels_end = w.panels();
  for (int panel = 0; panel < panels_end; panel += 2) {
    const int count = std::min(panels_end - panel, 2);
    Panel<W> panels[2] = {Panel<W>(w, panel), Panel<W>(w, panel + count - 1)};
    const __mmask16 columns[2] = {columns_of(panel, w.n), columns_of(panel + count - 1, w.n)};
    float* out = y + panel * kPanelColumns;
    for (int k = 0; k < kp; k += kChunk) {
      const int depth = std::min(kChunk, kp - k);
      const float* weights = expanded;
      std::size_t apart = kChunk * kPanelColumns;
      if constexpr (std::is_same_v<Panel<W>, Panel<kF32>>) {
        weights = panels[0].codes + std::size_t(k) * kPanelColumns;
        apart = std::size_t(kp) * kPanelColumns;
      } else {
        for (int p = 0; p < count; ++p) expand<W>(panels[p], k, k + depth, expanded + p * apart);
      }
      for (int i = 0; i < m; i += kBlockRows) {
        const int rows = std::min(m - i, kBlockRows);
        Block* run = count == 2 ? kBlocks<2>[rows - 1] : kBlocks<1>[rows - 1];
        run(x + i * stride + k, stride, weights, apart, depth, k == 0, columns, out + i * ldy, ldy);
      }
    }
    if constexpr (std::is_same_v<Panel<W>, Panel<kInt8>>) {
      for (int p = 0; p < count; ++p) {
        scale_columns<W>(panels[p], m, columns[p], out + p * kPanelColumns, ldy);
      }
    }
  }
}

}  // namespace

template <const WeightFormat& W>
void f32_avx512(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
                std::size_t ldy) {
  const auto* x = reinterpret_cast<const float*>(prepared);
  const std::size_t stride = f32_row_stride(w.k);
  switch (m) {
    case 1:
      return decode_rows<W, 1>(x, stride, w, walk, y, ldy);
    case 2:
      return decode_rows<W, 2>(x, stride, w, walk, y, ldy);
    case 3:
      return decode_rows<W, 3>(x, stride, w, walk, y, ldy);
    case 4:
      return decode_rows<W, 4>(x, stride, w, walk, y, ldy);
    case 5:
      return decode_rows<W, 5>(x, stride, w, walk, y, ldy);
    case 6:
      return decode_rows<W, 6>(x, stride, w, walk, y, ldy);
    case 7:
      return decode_rows<W, 7>(x, stride, w, walk, y, ldy);
    case 8:
      return decode_rows<W, 8>(x, stride, w, walk, y, ldy);
    default:
      return prefill<W>(x, stride, m, w, y, ldy);
  }
}
template Run f32_avx512<kF32>;
template Run f32_avx512<kBf16>;
template Run f32_avx512<kInt8>;
template Run f32_avx512<kInt4G32>;
template Run f32_avx512<kInt4G64>;
template Run f32_avx512<kInt4G128>;
template Run f32_avx512<kInt4G256>;
template Run f32_avx512<kInt8G32>;
template Run f32_avx512<kQ6K>;
template Run f32_avx512<kQ4K>;
template Run f32_avx512<kInt3G32>;
template Run f32_avx512<kInt3G64>;
template Run f32_avx512<kInt3G128>;
template Run f32_avx512<kInt2G64>;
template Run f32_avx512<kNf4G64>;
template Run f32_avx512<kNf3G64>;
template Run f32_avx512<kIq4Nl>;
template Run f32_avx512<kQ40>;
template Run f32_avx512<kInt2G32>;

}  // namespace paretune
