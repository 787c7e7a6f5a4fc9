// How the AMX variants walk a product: a strip of panels against tiles of 16 rows.
//
//   m ≤ 16   1 tile of rows × 4 panels: four streams of weights, each used once
//   m > 16   2 tiles of rows × 2 panels: four loads feed four products. `depth` k at a time, so
//   that
//            this part of the strip stays in L1 while up to 256 rows go over it; sums wait in
//            memory between the depths. Meanwhile the next strip is fetched into L2: on a Xeon with
//            16 GB/s a core, a strip takes as long to arrive as 256 rows take to multiply it.
//
// Tile registers: 0 … 3 sums, 4 and 5 rows of x, 6 and 7 weights. Templates over Tiles: the
// hardware's or the tests' emulation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/amx_tiles.h"
#include "kernels/packing.h"
#include "kernels/target.h"

namespace paretune::amx {

inline constexpr int kTileRows = 16;
inline constexpr int kRowsAtOnce = 256;
inline constexpr int kMostDepth = 2048;

// `depth`: bytes of a row of x in one product, 64 or 32.
inline TileConfig shapes(int m, int depth) {
  TileConfig config;
  const int rows = std::min(m, kTileRows);
  for (int tile = 0; tile < 4; ++tile) config.shape(tile, rows, 64);
  for (int tile = 4; tile < 6; ++tile) config.shape(tile, rows, depth);
  for (int tile = 6; tile < 8; ++tile) config.shape(tile, depth / 4, 64);
  return config;
}

struct DotInt8 {
  template <int C, int A, int B, class Tiles>
  static void run(Tiles& tiles) {
    tiles.template dot_int8<C, A, B>();
  }
};
struct DotBf16 {
  template <int C, int A, int B, class Tiles>
  static void run(Tiles& tiles) {
    tiles.template dot_bf16<C, A, B>();
  }
};

// The four sum tiles in memory; i32 or f32.
template <class Number>
struct alignas(64) Sums {
  Number part[4][kTileRows][kPanelColumns];

  template <class Tiles>
  void take(Tiles& tiles) {
    tiles.template store<0>(part[0], 64);
    tiles.template store<1>(part[1], 64);
    tiles.template store<2>(part[2], 64);
    tiles.template store<3>(part[3], 64);
  }
  template <class Tiles>
  void give(Tiles& tiles) const {
    tiles.template load<0>(part[0], 64);
    tiles.template load<1>(part[1], 64);
    tiles.template load<2>(part[2], 64);
    tiles.template load<3>(part[3], 64);
  }
  // Row i (of up to 32) of panel p (of up to 2 where there are two tiles of rows).
  const Number* row(int i, int p) const { return part[i / kTileRows * 2 + p][i % kTileRows]; }
  Number* row(int i, int p) { return part[i / kTileRows * 2 + p][i % kTileRows]; }
};

template <class Tiles>
void zero_sums(Tiles& tiles) {
  tiles.template zero<0>();
  tiles.template zero<1>();
  tiles.template zero<2>();
  tiles.template zero<3>();
}

// Memory to fetch into L2 while products go on, some lines with each step.
struct Ahead {
  const std::byte* next = nullptr;
  int lines = 0;  // a step
  void step() {
    for (int i = 0; i < lines; ++i, next += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(next), _MM_HINT_T1);
    }
  }
};

// One step's products with panel P: into tile P, and with the second tile of rows into 2 + P.
template <class Dot, int RowTiles, int P, class Tiles>
inline void multiply_panel(Tiles& tiles, const std::byte* weights) {
  constexpr int kB = 6 + P % 2;
  tiles.template load<kB>(weights, 64);
  Dot::template run<P, 4, kB>(tiles);
  if constexpr (RowTiles == 2) Dot::template run<2 + P, 5, kB>(tiles);
}

// tiles 0 … 3 += x · weights over `steps` products of `depth` bytes. Panels lie `apart` bytes
// apart. prefetch: bytes ahead in each panel, 0 where the weights are in cache.
template <class Dot, int RowTiles, int Panels, class Tiles>
inline void multiply(Tiles& tiles, const std::byte* x, std::size_t stride, const std::byte* weights,
                     std::size_t apart, int steps, int depth, int prefetch, Ahead& ahead) {
  static_assert(RowTiles * Panels <= 4 && (RowTiles == 1 || Panels <= 2));
  for (int step = 0; step < steps; ++step, x += depth, weights += depth * kPanelColumns) {
    if (prefetch != 0) {
      for (int p = 0; p < Panels; ++p) {
        const char* line = reinterpret_cast<const char*>(weights + p * apart) + prefetch;
        for (int i = 0; i < depth * kPanelColumns; i += 64) _mm_prefetch(line + i, _MM_HINT_T0);
      }
    }
    ahead.step();
    tiles.template load<4>(x, stride);
    if constexpr (RowTiles == 2) tiles.template load<5>(x + kTileRows * stride, stride);
    multiply_panel<Dot, RowTiles, 0>(tiles, weights);
    if constexpr (Panels > 1) multiply_panel<Dot, RowTiles, 1>(tiles, weights + apart);
    if constexpr (Panels > 2) multiply_panel<Dot, RowTiles, 2>(tiles, weights + 2 * apart);
    if constexpr (Panels > 3) multiply_panel<Dot, RowTiles, 3>(tiles, weights + 3 * apart);
  }
}

inline __mmask16 columns_of(int panel, int n) {
  const int columns = std::min(n - panel * kPanelColumns, kPanelColumns);
  return static_cast<__mmask16>((1u << columns) - 1);
}

// Splits m rows and the panels as above: job.template strip<RowTiles, Panels>(panel, row, rows),
// rows being at most 16 for one tile of rows and at most kRowsAtOnce for two.
template <class Job>
void for_strips(Job& job, int m, int panels, int streams) {
  if (m <= kTileRows) {
    int panel = 0;
    if (streams >= 4) {
      for (; panel + 4 <= panels; panel += 4) job.template strip<1, 4>(panel, 0, m);
    }
    if (streams >= 2) {
      for (; panel + 2 <= panels; panel += 2) job.template strip<1, 2>(panel, 0, m);
    }
    for (; panel < panels; ++panel) job.template strip<1, 1>(panel, 0, m);
    return;
  }
  for (int row = 0; row < m; row += kRowsAtOnce) {
    const int rows = std::min(m - row, kRowsAtOnce);
    int panel = 0;
    for (; panel + 2 <= panels; panel += 2) job.template strip<2, 2>(panel, row, rows);
    if (panel < panels) job.template strip<2, 1>(panel, row, rows);
  }
}

}  // namespace paretune::amx
