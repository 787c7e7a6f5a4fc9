// Products on AMX tiles: the loops, for any Tiles (amx_tiles.h).
//
// Tiles 0 … 3 hold sums, 4 and 5 rows of x, 6 and 7 weights; a packed panel is a sequence of weight
// tiles as it is.
//   m > 16  2 × 2 sums: 32 rows by 2 panels, each loaded tile is used twice
//   m ≤ 16  1 × 4 sums: m rows by 4 panels, four streams from memory
// Four sums also hide the latency of a product. For m > 16 tiles of x are loaded whole; prepared
// rows are padded to 16 for that.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/amx_tiles.h"
#include "kernels/matmul.h"
#include "kernels/packing.h"
#include "kernels/target.h"

namespace paretune::amx {

inline constexpr int kTileRows = 16;
inline constexpr int kTileBytes = 1024;
inline constexpr int kPrefetch = 2 * kTileBytes;  // ahead in each stream of weights, where m ≤ 16

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

// One step's products with panel P: into tile P, and with the second tile of rows into 2 + P.
template <class Dot, int RowTiles, int P, class Tiles>
inline void multiply_panel(Tiles& tiles, const std::byte* weights) {
  constexpr int kB = 6 + P % 2;
  tiles.template load<kB>(weights, 64);
  Dot::template run<P, 4, kB>(tiles);
  if constexpr (RowTiles == 2) Dot::template run<2 + P, 5, kB>(tiles);
}

// tiles 0 … 3 = x · weights over `steps` products of `depth` bytes. Panels lie `apart` bytes apart.
// `Stream`: weights come from memory and are used once.
template <class Dot, int RowTiles, int Panels, bool Stream, class Tiles>
inline void multiply(Tiles& tiles, const std::byte* x, std::size_t stride, const std::byte* weights,
                     std::size_t apart, int steps, int depth) {
  static_assert(RowTiles * Panels <= 4 && (RowTiles == 1 || Panels <= 2));
  tiles.template zero<0>();
  tiles.template zero<1>();
  tiles.template zero<2>();
  tiles.template zero<3>();
  for (int step = 0; step < steps; ++step, x += depth, weights += depth * kPanelColumns) {
    if constexpr (Stream) {
      for (int p = 0; p < Panels; ++p) {
        const char* ahead = reinterpret_cast<const char*>(weights + p * apart) + kPrefetch;
        for (int line = 0; line < kTileBytes; line += 64) _mm_prefetch(ahead + line, _MM_HINT_T0);
      }
    }
    tiles.template load<4>(x, stride);
    if constexpr (RowTiles == 2) tiles.template load<5>(x + kTileRows * stride, stride);
    multiply_panel<Dot, RowTiles, 0>(tiles, weights);
    if constexpr (Panels > 1) multiply_panel<Dot, RowTiles, 1>(tiles, weights + apart);
    if constexpr (Panels > 2) multiply_panel<Dot, RowTiles, 2>(tiles, weights + 2 * apart);
    if constexpr (Panels > 3) multiply_panel<Dot, RowTiles, 3>(tiles, weights + 3 * apart);
  }
}

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
  // Row i (of up to 32) of panel p (of up to 2 where there are two tiles of rows).
  const Number* row(int i, int p) const { return part[i / kTileRows * 2 + p][i % kTileRows]; }
};

inline __mmask16 columns_of(int panel, int n) {
  const int columns = std::min(n - panel * kPanelColumns, kPanelColumns);
  return static_cast<__mmask16>((1u << columns) - 1);
}

// Splits the panels as above: job.template panels<Count>(first).
template <class Job>
void for_panels(Job& job, int m, int panel_begin, int panel_end) {
  int panel = panel_begin;
  if (m <= kTileRows) {
    for (; panel + 4 <= panel_end; panel += 4) job.template panels<4>(panel);
  }
  for (; panel + 2 <= panel_end; panel += 2) job.template panels<2>(panel);
  if (panel < panel_end) job.template panels<1>(panel);
}

// Splits the rows for `Panels` panels: job.template block<RowTiles, Panels>(first panel, first row,
// rows).
template <int Panels, class Job>
void for_rows(Job& job, int m, int panel) {
  int i = 0;
  if constexpr (Panels <= 2) {
    for (; m - i > kTileRows; i += 2 * kTileRows) {
      job.template block<2, Panels>(panel, i, std::min(m - i, 2 * kTileRows));
    }
  }
  if (i < m) job.template block<1, Panels>(panel, i, m - i);
}

}  // namespace paretune::amx
