// The three products on AMX tiles: int8 by int8, int8 by grouped codes, bf16 by bf16. Templates
// over Tiles, as tests want them.
//
// Grouped codes are unpacked to code - zero, a depth block at a time, for all rows of the strip. A
// group's integer sums become f32 at its end; in groups of 32, half a tile deep, that costs more
// than the products.
#pragma once

#include "kernels/grouped_avx.h"
#include "kernels/matmul.h"
#include "kernels/matmul_amx.h"
#include "kernels/prepared.h"

namespace paretune::amx {

// What the jobs know of their call.
struct Call {
  const std::byte* x;
  int m;
  const PackedMatrix& w;
  const Walk& walk;
  float* y;
  std::size_t ldy;

  float* out(int row, int panel) const {
    return y + std::size_t(row) * ldy + std::size_t(panel) * kPanelColumns;
  }
  int depth_block() const { return std::min(walk.depth_block, kMostDepth); }
};

inline float row_scale(const std::byte* row, const Int8Rows& rows) {
  return *reinterpret_cast<const float*>(row + rows.scale_at());
}

// Lines of the next strip for each step, where `row_tiles` pairs of tiles of rows but the first
// take `steps` steps each.
inline int lines_a_step(std::size_t strip_bytes, int row_tiles, int steps) {
  const int all = (row_tiles - 1) * steps;
  return all > 0 ? std::min(static_cast<int>((strip_bytes / 64 + all - 1) / all), 8) : 0;
}

// Weights whose sums need no scaling on the way: int8 and bf16. A step is one tile of depth.
template <class Dot, class Number, class Tiles>
struct StraightProduct {
  Tiles tiles;
  Sums<Number> sums[kRowsAtOnce / (2 * kTileRows)];

  explicit StraightProduct(const TileConfig& config) : tiles(config) {}

  // Leaves in sums[i / 32] rows i … of x (rows, stride) times the strip at `weights`; k_bytes is
  // the length of a row of x.
  template <int RowTiles, int Panels>
  void run(const std::byte* x, int rows, std::size_t stride, const std::byte* weights,
           std::size_t apart, int k_bytes, int depth_bytes, int prefetch) {
    constexpr int kRows = RowTiles * kTileRows;
    const int row_tiles = (rows + kRows - 1) / kRows;
    if (row_tiles == 1) depth_bytes = k_bytes;
    Ahead ahead{weights + Panels * apart, 0};
    for (int depth = 0; depth < k_bytes; depth += depth_bytes) {
      const int steps = std::min(depth_bytes, k_bytes - depth) / 64;
      for (int tile = 0; tile < row_tiles; ++tile) {
        if (depth == 0) {
          zero_sums(tiles);
        } else {
          sums[tile].give(tiles);
        }
        ahead.lines = tile == 0 ? 0 : lines_a_step(Panels * apart, row_tiles, k_bytes / 64);
        // Weights are new to the first rows only. A last pair of tiles may lack its second.
        const std::byte* from = x + std::size_t(tile) * kRows * stride + depth;
        const std::byte* strip = weights + std::size_t(depth) * kPanelColumns;
        const int distance = tile == 0 ? prefetch : 0;
        if (RowTiles == 2 && rows - tile * kRows <= kTileRows) {
          multiply<Dot, 1, Panels>(tiles, from, stride, strip, apart, steps, 64, distance, ahead);
        } else {
          multiply<Dot, RowTiles, Panels>(tiles, from, stride, strip, apart, steps, 64, distance,
                                          ahead);
        }
        sums[tile].take(tiles);
      }
    }
  }
};

template <class Tiles>
struct Int8Job {
  Call call;
  Int8Rows rows{call.w.k, 0};
  StraightProduct<DotInt8, std::int32_t, Tiles> product{shapes(call.m, 64)};

  explicit Int8Job(const Call& c) : call(c) {}

  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void strip(int panel, int first, int count) {
    const std::size_t apart = int8_panel_bytes(call.w.k);
    const std::byte* weights = call.w.data.data() + panel * apart;
    const std::byte* x = call.x + first * rows.stride;
    product.template run<RowTiles, Panels>(x, count, rows.stride, weights, apart, rows.kp,
                                           call.depth_block(), call.walk.prefetch);
    for (int p = 0; p < Panels; ++p) {
      const __mmask16 columns = columns_of(panel + p, call.w.n);
      const __m512 scale =
          _mm512_loadu_ps(weights + p * apart + std::size_t(rows.kp) * kPanelColumns);
      for (int i = 0; i < count; ++i) {
        const auto& sums = product.sums[i / (RowTiles * kTileRows)];
        const __m512 sum =
            _mm512_cvtepi32_ps(_mm512_load_si512(sums.row(i % (RowTiles * kTileRows), p)));
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
  StraightProduct<DotBf16, float, Tiles> product{shapes(call.m, 64)};

  explicit Bf16Job(const Call& c) : call(c) {}

  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void strip(int panel, int first, int count) {
    const int kp = padded_k(call.w.k);
    const std::size_t apart = std::size_t(kp) * kPanelColumns * 2;
    const std::size_t stride = bf16_row_stride(call.w.k) * 2;
    product.template run<RowTiles, Panels>(call.x + first * stride, count, stride,
                                           call.w.data.data() + panel * apart, apart, 2 * kp,
                                           call.depth_block(), call.walk.prefetch);
    for (int p = 0; p < Panels; ++p) {
      const __mmask16 columns = columns_of(panel + p, call.w.n);
      for (int i = 0; i < count; ++i) {
        const auto& sums = product.sums[i / (RowTiles * kTileRows)];
        _mm512_mask_storeu_ps(call.out(first + i, panel + p), columns,
                              _mm512_load_ps(sums.row(i % (RowTiles * kTileRows), p)));
      }
    }
  }
};

template <class G, class Tiles>
struct GroupedJob {
  static constexpr int Group = G::kGroup;
  static constexpr int kDepth = Group < 64 ? Group : 64;

  Call call;
  Int8Rows rows{call.w.k, Group};
  Tiles tiles{shapes(call.m, kDepth)};
  Sums<std::int32_t> sums;                                   // of one group
  Sums<float> totals[kRowsAtOnce / (2 * kTileRows)];         // not yet times the row's scale
  alignas(64) std::byte unpacked[4 * 1024 * kPanelColumns];  // panels of int8 order, `apart` apart

  explicit GroupedJob(const Call& c) : call(c) {}

  const std::byte* panel_data(int panel) const {
    return call.w.data.data() + panel * G::panel_bytes(call.w.k);
  }

  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void strip(int panel, int first, int count) {
    constexpr int kRows = RowTiles * kTileRows;
    const int row_tiles = (count + kRows - 1) / kRows;
    const int depth_block = std::min(call.depth_block(), 4096 / Panels / 256 * 256);
    const std::byte* x = call.x + first * rows.stride;
    for (int tile = 0; tile < row_tiles; ++tile) {
      std::fill_n(&totals[tile].part[0][0][0], 4 * kTileRows * kPanelColumns, 0.0f);
    }
    for (int depth = 0; depth < rows.kp; depth += depth_block) {
      const int end = std::min(depth + depth_block, rows.kp);
      for (int p = 0; p < Panels; ++p) {
        unpack(panel + p, depth, end, unpacked + std::size_t(p) * depth_block * kPanelColumns);
      }
      for (int tile = 0; tile < row_tiles; ++tile) {
        const std::byte* from = x + std::size_t(tile) * kRows * rows.stride;
        if (RowTiles == 2 && count - tile * kRows <= kTileRows) {
          add_groups<1, Panels>(panel, from, depth, end, depth_block, totals[tile]);
        } else {
          add_groups<RowTiles, Panels>(panel, from, depth, end, depth_block, totals[tile]);
        }
      }
    }
    for (int p = 0; p < Panels; ++p) {
      const __mmask16 columns = columns_of(panel + p, call.w.n);
      for (int i = 0; i < count; ++i) {
        const __m512 total = _mm512_load_ps(totals[i / kRows].row(i % kRows, p));
        const __m512 scale = _mm512_set1_ps(row_scale(x + i * rows.stride, rows));
        _mm512_mask_storeu_ps(call.out(first + i, panel + p), columns, _mm512_mul_ps(total, scale));
      }
    }
  }

  PARETUNE_AVX512 void unpack(int panel, int begin, int end, std::byte* to) const {
    const std::byte* data = panel_data(panel);
    for (int k = begin; k < end; k += G::kChunk, to += 64 * G::kVectors) {
      const __m512i zero =
          _mm512_mullo_epi32(group_zero<G>(data, k / Group), _mm512_set1_epi32(0x01010101));
      const std::byte* chunk = data + G::chunk_at(k);
      PARETUNE_UNROLL for (int line = 0; line < G::kBits; ++line) {
        _mm_prefetch(reinterpret_cast<const char*>(chunk + 64 * line) + call.walk.prefetch,
                     _MM_HINT_T0);
      }
      PARETUNE_UNROLL for (int v = 0; v < G::kVectors; ++v) {
        _mm512_store_si512(to + 64 * v, _mm512_sub_epi8(codes_of<G>(chunk, v), zero));
      }
    }
  }

  // total += the groups that begin in [depth, end), each integer sum times its scale. Groups of 256
  // need not end with the depth block's panels: depth blocks are multiples of 256.
  template <int RowTiles, int Panels>
  PARETUNE_AVX512 void add_groups(int panel, const std::byte* x, int depth, int end,
                                  int depth_block, Sums<float>& total) {
    constexpr int kParts = RowTiles == 2 ? 4 : Panels;
    Ahead nothing;
    for (int k = depth; k < end; k += Group) {
      zero_sums(tiles);
      multiply<DotInt8, RowTiles, Panels>(
          tiles, x + k, rows.stride, unpacked + std::size_t(k - depth) * kPanelColumns,
          std::size_t(depth_block) * kPanelColumns, std::min(Group, rows.kp - k) / kDepth, kDepth,
          0, nothing);
      sums.take(tiles);
      for (int part = 0; part < kParts; ++part) {
        const int p = RowTiles == 2 ? part % 2 : part;
        if (p >= Panels) continue;
        const __m512 scale = group_scale<G>(panel_data(panel + p), k / Group);
        PARETUNE_UNROLL for (int i = 0; i < kTileRows; ++i) {
          float* at = total.part[part][i];
          const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums.part[part][i]));
          _mm512_store_ps(at, _mm512_fmadd_ps(sum, scale, _mm512_load_ps(at)));
        }
      }
    }
  }
};

template <class Job>
void run(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
         std::size_t ldy) {
  Job job({prepared, m, w, walk, y, ldy});
  for_strips(job, m, w.panels(), walk.streams);
}

}  // namespace paretune::amx
