// A group's scale and zero, chosen to lose least.
#pragma once

#include <span>

#include "kernels/narrow_float.h"
#include "kernels/weight_format.h"
#include "runtime/compression/quantizer.h"

namespace paretune {

// Weights along k that share a grid.
constexpr std::size_t group_size(const WeightFormat& format, std::size_t k) {
  return format.group > 0 ? static_cast<std::size_t>(format.group) : k;
}

// A scale as the format keeps it: those of groups are f16.
inline float stored_scale(const WeightFormat& format, float scale) {
  return format.group == 0 ? scale : nearest_f16(scale);
}

struct GroupGrid {
  float scale = 0;                            // as the format stores it; 0: all weights are zero
  int zero = 0;                               // with levels: the code nearest to zero
  int least = 0, most = 15;                   // codes
  std::span<const std::uint8_t> levels = {};  // WeightFormat::levels
  float offset = 0;                           // of all values; without levels

  int code(float value) const;
  float value(int code) const { return scale * steps(code) + offset; }
  float steps(int code) const {  // of the scale
    return float(levels.empty() ? code - zero : levels[static_cast<std::size_t>(code)] - 128);
  }
};

// The grid of round-to-nearest whose range ends at low ≤ 0 ≤ high. In formats without zeros the
// range is symmetric; with levels, the end farther from zero becomes the lowest of them.
GroupGrid grid_between(float low, float high, const WeightFormat& format);

// Σ weight (value - rounded value)². weights: of values, or empty for ones.
double grid_error(const GroupGrid& grid, std::span<const float> values,
                  std::span<const float> weights);

// The best of round-to-nearest's grid and those of ranges clipped at either end to as little as
// 0.4 of it; with levels, of either sign. Never worse than round-to-nearest by grid_error.
GroupGrid fit_grid(std::span<const float> values, std::span<const float> weights,
                   const WeightFormat& format);

// weights: of values, or empty for ones
using FitGrid = GroupGrid(std::span<const float> values, std::span<const float> weights,
                          const WeightFormat& format);

// Every group's grid of a row by `fit`, those of superblocks together (superblock_fit.h): fills all
// of `out`, though codes only with round-to-nearest's, and grids, one per group. row: (k). weights:
// (k), or empty for ones.
void fit_row(std::span<const float> row, std::span<const float> weights, const WeightFormat& format,
             FitGrid* fit, RowCodes& out, std::span<GroupGrid> grids);

// The method that rounds to those grids. weights: (k), or empty for ones.
std::unique_ptr<RowQuantizer> make_by_group(const WeightFormat& format,
                                            std::span<const float> weights, FitGrid* fit);

}  // namespace paretune
