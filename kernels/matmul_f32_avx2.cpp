// f32 activations with AVX2: as matmul_f32_avx512.cpp, with 16 columns in two vectors and half the
// registers.
//
//   m ≤ 2   2 panels × m rows, weights expanded in registers
//   m > 2   1 panel × up to 6 rows, 128 k expanded at once into 8 KiB of stack
#include <algorithm>
#include <type_traits>

#include "kernels/grouped_avx.h"
#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr int kUnit = 32;    // k between two looks at scales: the smallest group
constexpr int kChunk = 128;  // k expanded at once
constexpr int kBlockRows = 6;

PARETUNE_AVX2 inline __m256i load_bytes(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// Weights of one panel as f32. `unit(k)` before the 32 that start at k, `load(k, w)` for 4 of them.
template <const WeightFormat& W>
struct Panel;

template <>
struct Panel<kF32> {
  const float* codes;
  Panel(const PackedMatrix& w, int panel)
      : codes(reinterpret_cast<const float*>(w.data.data()) +
              std::size_t(panel) * padded_k(w.k) * kPanelColumns) {}
  void unit(int) {}
  PARETUNE_AVX2 void load(int k, __m256 (&w)[4][2]) const {
    PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
      w[i][0] = _mm256_loadu_ps(codes + std::size_t(k + i) * kPanelColumns);
      w[i][1] = _mm256_loadu_ps(codes + std::size_t(k + i) * kPanelColumns + 8);
    }
  }
  const float* scales() const { return nullptr; }
};

template <>
struct Panel<kBf16> {
  const std::byte* codes;
  Panel(const PackedMatrix& w, int panel)
      : codes(w.data.data() + std::size_t(panel) * padded_k(w.k) * kPanelColumns * 2) {}
  void unit(int) {}
  PARETUNE_AVX2 void load(int k, __m256 (&w)[4][2]) const {
    PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
      const __m256i pairs = load_bytes(codes + std::size_t(k / 2 + i / 2) * 64 + 32 * (i % 2));
      w[i / 2 * 2][i % 2] = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
      w[i / 2 * 2 + 1][i % 2] =
          _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(~0xffff)));
    }
  }
  const float* scales() const { return nullptr; }
};

template <>
struct Panel<kInt8> {
  const std::byte* codes;
  const std::byte* scales_at;
  Panel(const PackedMatrix& w, int panel)
      : codes(w.data.data() + std::size_t(panel) * int8_panel_bytes(w.k)),
        scales_at(codes + std::size_t(padded_k(w.k)) * kPanelColumns) {}
  void unit(int) {}
  PARETUNE_AVX2 void load(int k, __m256 (&w)[4][2]) const {
    PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
      const __m256i line = load_bytes(codes + std::size_t(k / 4) * 64 + 32 * half);
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
        w[i][half] = _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(line, 24 - 8 * i), 24));
      }
    }
  }
  const float* scales() const { return reinterpret_cast<const float*>(scales_at); }
};

template <const WeightFormat& W>
struct Panel {
  using G = GridOf<W>;
  const std::byte* data;
  int group = -1;
  // weight = code * scale + offset, exact but for the one rounding
  __m256 scale[2], offset[2];

  PARETUNE_AVX2 Panel(const PackedMatrix& w, int panel)
      : data(w.data.data() + std::size_t(panel) * G::panel_bytes(w.k)) {
    unit(0);
  }
  PARETUNE_AVX2 void unit(int k) { take_group(k / G::kGroup); }
  PARETUNE_AVX2 void take_group(int g) {
    group = g;
    PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
      scale[half] = half_scale<G>(data, g, half);
      if constexpr (G::kMinimum) {
        offset[half] = _mm256_sub_ps(_mm256_setzero_ps(), half_minimum<G>(data, g, half));
      } else {
        offset[half] = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(half_zero<G>(data, g, half)),
                                        scale[half], _mm256_setzero_ps());
      }
    }
  }
  PARETUNE_AVX2 void load(int k, __m256 (&w)[4][2]) {
    if (G::kGroup < kUnit && k / G::kGroup != group) take_group(k / G::kGroup);
    PARETUNE_UNROLL for (int half = 0; half < 2; ++half) {
      const __m256i codes = half_codes<G>(data + G::chunk_at(k), k % G::kChunk / 4, half);
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
        const __m256i code =
            _mm256_and_si256(_mm256_srli_epi32(codes, 8 * i), _mm256_set1_epi32(255));
        w[i][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(code), scale[half], offset[half]);
      }
    }
  }
  const float* scales() const { return nullptr; }
};

// Writes the columns of a panel that exist, times their scales if there are any.
PARETUNE_AVX2 void store(__m256 low, __m256 high, const float* scales, int columns, float* y) {
  if (scales) {
    low = _mm256_mul_ps(low, _mm256_loadu_ps(scales));
    high = _mm256_mul_ps(high, _mm256_loadu_ps(scales + 8));
  }
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

template <const WeightFormat& W, int Count, int MR>
PARETUNE_AVX2 void decode(const float* x, std::size_t stride, const PackedMatrix& w, int panel,
                          float* y, std::size_t ldy) {
  Panel<W> panels[2] = {Panel<W>(w, panel), Panel<W>(w, panel + Count - 1)};
  __m256 sum[MR][Count][2];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      sum[r][p][0] = sum[r][p][1] = _mm256_setzero_ps();
    }
  }
  const int kp = padded_k(w.k);
  for (int unit = 0; unit < kp; unit += kUnit) {
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) panels[p].unit(unit);
    for (int k = unit; k < unit + kUnit; k += 4) {
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
        __m256 weights[4][2];
        panels[p].load(k, weights);
        PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
          PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
            const __m256 a = _mm256_set1_ps(x[r * stride + k + i]);
            sum[r][p][0] = _mm256_fmadd_ps(weights[i][0], a, sum[r][p][0]);
            sum[r][p][1] = _mm256_fmadd_ps(weights[i][1], a, sum[r][p][1]);
          }
        }
      }
    }
  }
  PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
    const int first = (panel + p) * kPanelColumns;
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      store(sum[r][p][0], sum[r][p][1], panels[p].scales(), w.n - first, y + r * ldy + first);
    }
  }
}

template <const WeightFormat& W, int MR>
void decode_rows(const float* x, std::size_t stride, const PackedMatrix& w, float* y,
                 std::size_t ldy) {
  int panel = 0;
  for (; panel + 2 <= w.panels(); panel += 2) decode<W, 2, MR>(x, stride, w, panel, y, ldy);
  if (panel < w.panels()) decode<W, 1, MR>(x, stride, w, panel, y, ldy);
}

// sums (MR, 16) += x (MR, depth) · weights (depth, 16)
template <int MR>
PARETUNE_AVX2 void block(const float* x, std::size_t stride, const float* weights, int depth,
                         float* sums) {
  __m256 sum[MR][2];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    sum[r][0] = _mm256_loadu_ps(sums + r * kPanelColumns);
    sum[r][1] = _mm256_loadu_ps(sums + r * kPanelColumns + 8);
  }
  for (int k = 0; k < depth; ++k, weights += kPanelColumns) {
    const __m256 low = _mm256_loadu_ps(weights), high = _mm256_loadu_ps(weights + 8);
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m256 a = _mm256_set1_ps(x[r * stride + k]);
      sum[r][0] = _mm256_fmadd_ps(low, a, sum[r][0]);
      sum[r][1] = _mm256_fmadd_ps(high, a, sum[r][1]);
    }
  }
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    _mm256_storeu_ps(sums + r * kPanelColumns, sum[r][0]);
    _mm256_storeu_ps(sums + r * kPanelColumns + 8, sum[r][1]);
  }
}

using Block = void(const float*, std::size_t, const float*, int, float*);
constexpr Block* kBlocks[kBlockRows] = {block<1>, block<2>, block<3>, block<4>, block<5>, block<6>};

template <const WeightFormat& W>
PARETUNE_AVX2 void expand(Panel<W>& panel, int k_begin, int k_end, float* out) {
  for (int unit = k_begin; unit < k_end; unit += kUnit) {
    panel.unit(unit);
    for (int k = unit; k < unit + kUnit; k += 4) {
      __m256 weights[4][2];
      panel.load(k, weights);
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
        float* to = out + std::size_t(k - k_begin + i) * kPanelColumns;
        _mm256_storeu_ps(to, weights[i][0]);
        _mm256_storeu_ps(to + 8, weights[i][1]);
      }
    }
  }
}

constexpr int kStripRows = 96;  // their partial sums, 6 KiB, stay in L1

template <const WeightFormat& W>
PARETUNE_AVX2 void prefill(const float* x, std::size_t stride, int m, const PackedMatrix& w,
                           float* y, std::size_t ldy) {
  alignas(64) float expanded[kChunk * kPanelColumns];
  alignas(64) float sums[kStripRows * kPanelColumns];
  const int kp = padded_k(w.k);
  for (int strip = 0; strip < m; strip += kStripRows) {
    const int strip_rows = std::min(m - strip, kStripRows);
    for (int p = 0; p < w.panels(); ++p) {
      Panel<W> panel(w, p);
      std::fill_n(sums, strip_rows * kPanelColumns, 0.0f);
      for (int k = 0; k < kp; k += kChunk) {
        const int depth = std::min(kChunk, kp - k);
        const float* weights = expanded;
        if constexpr (std::is_same_v<Panel<W>, Panel<kF32>>) {
          weights = panel.codes + std::size_t(k) * kPanelColumns;
        } else {
          expand<W>(panel, k, k + depth, expanded);
        }
        for (int i = 0; i < strip_rows; i += kBlockRows) {
          const int rows = std::min(strip_rows - i, kBlockRows);
          kBlocks[rows - 1](x + (strip + i) * stride + k, stride, weights, depth,
                            sums + i * kPanelColumns);
        }
      }
      const int first = p * kPanelColumns;
      for (int i = 0; i < strip_rows; ++i) {
        const float* row = sums + i * kPanelColumns;
        store(_mm256_loadu_ps(row), _mm256_loadu_ps(row + 8), panel.scales(), w.n - first,
              y + (strip + i) * ldy + first);
      }
    }
  }
}

}  // namespace

template <const WeightFormat& W>
void f32_avx2(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
              std::size_t ldy) {
  const auto* x = reinterpret_cast<const float*>(prepared);
  const std::size_t stride = f32_row_stride(w.k);
  switch (m) {
    case 1:
      return decode_rows<W, 1>(x, stride, w, y, ldy);
    case 2:
      return decode_rows<W, 2>(x, stride, w, y, ldy);
    default:
      return prefill<W>(x, stride, m, w, y, ldy);
  }
}
template Run f32_avx2<kF32>;
template Run f32_avx2<kBf16>;
template Run f32_avx2<kInt8>;
template Run f32_avx2<kInt4G32>;
template Run f32_avx2<kInt4G64>;
template Run f32_avx2<kInt4G128>;
template Run f32_avx2<kInt4G256>;
template Run f32_avx2<kInt8G32>;
template Run f32_avx2<kQ6K>;
template Run f32_avx2<kQ4K>;
template Run f32_avx2<kInt3G32>;
template Run f32_avx2<kInt3G64>;
template Run f32_avx2<kInt3G128>;
template Run f32_avx2<kInt2G64>;
template Run f32_avx2<kNf4G64>;
template Run f32_avx2<kNf3G64>;
template Run f32_avx2<kIq4Nl>;
template Run f32_avx2<kQ40>;
template Run f32_avx2<kInt2G32>;

}  // namespace paretune
