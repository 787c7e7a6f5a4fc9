// The three products on AMX tiles: int8 by int8, int8 by int4, bf16 by bf16. Templates over Tiles,
// as tests want them.
//
// int4 weights are unpacked to code - zero, 512 k of the panels at a time (8 KiB of stack each),
// for all rows. A group's integer sums become f32 at its end; in groups of 32, half a tile deep,
// that costs more than the products.
#pragma once

#include "kernels/int4.h"
#include "kernels/matmul_amx.h"
#include "kernels/prepared.h"

namespace paretune::amx {

// What the jobs know of their call.
struct Call {
  const std::byte* x;
  int m;
  const PackedMatrix& w;
  float* y;
  std::size_t ldy;

  float* out(int row, int panel) const {
    return y + std::size_t(row) * ldy + std::size_t(panel) * kPanelColumns;
  }
};

inline float row_scale(const std::byte* row, const Int8Rows& rows) {
  return *reinterpret_cast<const float*>(row + rows.scale_at());
}

template <class Tiles>
struct Int8Job {
  Call call;
  Int8Rows rows{call.w.k, 0};
  Tiles tiles{shapes(call.m, 64)};
  Sums<std::int32_t> sums;

  template <int Panels>
  void panels(int panel) {
    for_rows<Panels>(*this, call.m, panel);
  }

  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void block(int panel, int first, int count) {
    const std::size_t apart = int8_panel_bytes(call.w.k);
    const std::byte* weights = call.w.data.data() + panel * apart;
    const std::byte* x = call.x + first * rows.stride;
    multiply<DotInt8, RowTiles, Panels, RowTiles == 1>(tiles, x, rows.stride, weights, apart,
                                                       rows.kp / 64, 64);
    sums.take(tiles);
    for (int p = 0; p < Panels; ++p) {
      const __mmask16 columns = columns_of(panel + p, call.w.n);
      const __m512 scale =
          _mm512_loadu_ps(weights + p * apart + std::size_t(rows.kp) * kPanelColumns);
      for (int i = 0; i < count; ++i) {
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums.row(i, p)));
        const __m512 by_row = _mm512_set1_ps(row_scale(x + i * rows.stride, rows));
        _mm512_mask_storeu_ps(call.out(first + i, panel + p), columns,
                              _mm512_mul_ps(_mm512_mul_ps(sum, scale), by_row));
      }
    }
  }
};

template <class Tiles>
struct Bf16Job {
  Call call;
  Tiles tiles{shapes(call.m, 64)};
  Sums<float> sums;

  template <int Panels>
  void panels(int panel) {
    for_rows<Panels>(*this, call.m, panel);
  }

  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void block(int panel, int first, int count) {
    const int kp = padded_k(call.w.k);
    const std::size_t apart = std::size_t(kp) * kPanelColumns * 2;
    const std::size_t stride = bf16_row_stride(call.w.k) * 2;
    multiply<DotBf16, RowTiles, Panels, RowTiles == 1>(tiles, call.x + first * stride, stride,
                                                       call.w.data.data() + panel * apart, apart,
                                                       kp / 32, 64);
    sums.take(tiles);
    for (int p = 0; p < Panels; ++p) {
      const __mmask16 columns = columns_of(panel + p, call.w.n);
      for (int i = 0; i < count; ++i) {
        _mm512_mask_storeu_ps(call.out(first + i, panel + p), columns,
                              _mm512_load_ps(sums.row(i, p)));
      }
    }
  }
};

template <int Group, class Tiles>
struct Int4Job {
  static constexpr int kChunk = 512;  // k unpacked at once
  static constexpr int kDepth = Group < 64 ? Group : 64;

  Call call;
  Int8Rows rows{call.w.k, Group};
  Int4Layout layout{call.w.k, Group};
  Tiles tiles{shapes(call.m, kDepth)};
  Sums<std::int32_t> sums;
  int chunk = 0;                                              // its first k
  alignas(64) std::byte unpacked[4][kChunk * kPanelColumns];  // int8 order

  template <int Panels>
  void panels(int panel) {
    for (chunk = 0; chunk < layout.kp; chunk += kChunk) {
      for (int p = 0; p < Panels; ++p) unpack(panel + p, unpacked[p]);
      for_rows<Panels>(*this, call.m, panel);
    }
    for (int i = 0; i < call.m; ++i) scale_row<Panels>(i, panel);
  }

  const std::byte* panel_data(int panel) const {
    return call.w.data.data() + panel * layout.panel_bytes;
  }
  int chunk_end() const { return std::min(chunk + kChunk, layout.kp); }

  PARETUNE_AVX512 void unpack(int panel, std::byte* to) const {
    const std::byte* codes = panel_data(panel);
    const __m512i nibble = _mm512_set1_epi8(15);
    for (int k = chunk; k < chunk_end(); k += 8, to += 128) {
      const std::byte* zeros = codes + layout.zeros_at + std::size_t(k / Group) * kPanelColumns;
      const __m512i zero = _mm512_mullo_epi32(
          _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(zeros))),
          _mm512_set1_epi32(0x01010101));
      const std::byte* line = codes + std::size_t(k / 8) * 64;
      _mm_prefetch(reinterpret_cast<const char*>(line) + kPrefetch, _MM_HINT_T0);
      const __m512i both = _mm512_loadu_si512(line);
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
      _mm512_store_si512(to, _mm512_sub_epi8(_mm512_and_si512(both, nibble), zero));
      _mm512_store_si512(to + 64, _mm512_sub_epi8(high, zero));
    }
  }

  // y += this chunk's groups, each integer sum times its scale
  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void block(int panel, int first, int count) {
    const std::byte* x = call.x + first * rows.stride;
    for (int k = chunk; k < chunk_end(); k += Group) {
      const int steps = std::min(Group, layout.kp - k) / kDepth;
      multiply<DotInt8, RowTiles, Panels, false>(
          tiles, x + k, rows.stride, unpacked[0] + std::size_t(k - chunk) * kPanelColumns,
          sizeof unpacked[0], steps, kDepth);
      sums.take(tiles);
      for (int p = 0; p < Panels; ++p) {
        const __mmask16 columns = columns_of(panel + p, call.w.n);
        const std::byte* scales =
            panel_data(panel + p) + layout.scales_at + std::size_t(k / Group) * kPanelColumns * 2;
        const __m512 scale =
            _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales)));
        for (int i = 0; i < count; ++i) {
          float* y = call.out(first + i, panel + p);
          const __m512 before = k == 0 ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(columns, y);
          const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums.row(i, p)));
          _mm512_mask_storeu_ps(y, columns, _mm512_fmadd_ps(sum, scale, before));
        }
      }
    }
  }

  template <int Panels>
  PARETUNE_AVX512 void scale_row(int i, int panel) {
    const __m512 scale = _mm512_set1_ps(row_scale(call.x + i * rows.stride, rows));
    for (int p = 0; p < Panels; ++p) {
      const __mmask16 columns = columns_of(panel + p, call.w.n);
      float* y = call.out(i, panel + p);
      _mm512_mask_storeu_ps(y, columns, _mm512_mul_ps(_mm512_maskz_loadu_ps(columns, y), scale));
    }
  }
};

template <class Job>
void run(const std::byte* prepared, int m, const PackedMatrix& w, int panel_begin, int panel_end,
         float* y, std::size_t ldy) {
  Job job{.call = {prepared, m, w, y, ldy}};
  for_panels(job, m, panel_begin, panel_end);
}

}  // namespace paretune::amx
