// What a forward pass does with a finished block of a product while it is in cache.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/elementwise.h"
#include "runtime/engine/matmul_plan.h"

namespace paretune {

inline constexpr int kPanel = 16;      // columns of a weight panel (kernels/weight_format.h)
inline constexpr int kPairPanels = 4;  // of gate, then as many of up

// Into y: (rows, width)
inline void copy_block(const MatmulBlock& block, float* y, int width) {
  const int from = block.panel_begin * kPanel;
  const auto count = static_cast<std::size_t>(std::min(block.panel_end * kPanel, width) - from);
  for (int r = block.row_begin; r < block.row_end; ++r) {
    std::copy_n(block.y + static_cast<std::size_t>(r - block.row_begin) * block.ldy, count,
                y + static_cast<std::size_t>(r) * static_cast<std::size_t>(width) + from);
  }
}

// silu(gate) * up of a matrix packed in turns, into hidden: (rows, d_ff)
inline void silu_mul_block(const MatmulBlock& block, float* hidden, int d_ff) {
  // Blocks begin with a turn of gate; the last turns may be shorter, both alike.
  for (int panel = block.panel_begin; panel < block.panel_end; panel += 2 * kPairPanels) {
    const int turn = std::min(2 * kPairPanels, block.panel_end - panel) / 2 * kPanel;
    const int column = panel / 2 * kPanel;  // of the hidden row
    const auto width = static_cast<std::size_t>(std::min(turn, d_ff - column));
    for (int r = block.row_begin; r < block.row_end; ++r) {
      const float* gate = block.y + static_cast<std::size_t>(r - block.row_begin) * block.ldy +
                          (panel - block.panel_begin) * kPanel;
      float* const to =
          hidden + static_cast<std::size_t>(r) * static_cast<std::size_t>(d_ff) + column;
      silu_mul({gate, width}, {gate + turn, width}, {to, width});
    }
  }
}

}  // namespace paretune
