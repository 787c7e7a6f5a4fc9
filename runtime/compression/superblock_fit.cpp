#include "runtime/compression/superblock_fit.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "kernels/packing.h"

namespace paretune {
namespace {

constexpr float kRangeStep = 0.05f, kLeastRange = 0.6f;  // of the range
constexpr std::size_t kSuperblockWeights = 256;          // weights

struct Shape {
  int zero, most;  // codes
  int most_sub;    // of scales and minima
  bool minima;
};
Shape shape_of(const WeightFormat& format) {
  assert(has_superblocks(format));
  return &format == &kQ4K ? Shape{0, 15, 63, true} : Shape{32, 63, 127, false};
}

GroupGrid grid_of(const Shape& shape, float scale, float minimum) {
  return {.scale = scale, .zero = shape.zero, .least = 0, .most = shape.most, .offset = -minimum};
}

float weight_of(std::span<const float> weights, std::size_t i) {
  return weights.empty() ? 1.0f : weights[i];
}

// Scale and minimum by weighted least squares of the codes that the grid gives.
GroupGrid refitted(const GroupGrid& grid, const Shape& shape, std::span<const float> values,
                   std::span<const float> weights) {
  double w = 0, a = 0, b = 0, y = 0, z = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double weight = weight_of(weights, i), code = grid.steps(grid.code(values[i]));
    w += weight;
    a += weight * code;
    b += weight * code * code;
    y += weight * values[i];
    z += weight * values[i] * code;
  }
  if (shape.minima) {
    const double det = w * b - a * a;
    if (det > 0) {
      const double scale = (w * z - a * y) / det, minimum = (a * z - b * y) / det;
      if (scale > 0 && minimum >= 0) return grid_of(shape, float(scale), float(minimum));
    }
  }
  return b > 0 && z > 0 ? grid_of(shape, float(z / b), 0) : grid;
}

GroupGrid fit_group(const Shape& shape, std::span<const float> values,
                    std::span<const float> weights) {
  float low = 0, high = 0;
  for (const float v : values) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  GroupGrid best = grid_of(shape, 0, 0);
  double least = grid_error(best, values, weights);
  const auto consider = [&](const GroupGrid& grid) {
    const double error = grid_error(grid, values, weights);
    if (error >= least) return;
    least = error;
    best = grid;
  };
  for (float part = 1; part >= kLeastRange; part -= kRangeStep) {
    const GroupGrid grid =
        shape.minima ? grid_of(shape, (high - low) * part / float(shape.most), -low * part)
                     : grid_of(shape, std::max(-low, high) * part / float(shape.zero - 1), 0);
    consider(grid);
    consider(refitted(grid, shape, values, weights));
  }
  return best;
}

}  // namespace

void fit_superblocks(std::span<const float> row, std::span<const float> weights,
                     const WeightFormat& format, RowCodes& out, std::span<GroupGrid> grids) {
  const Shape shape = shape_of(format);
  const std::size_t group = group_size(format, row.size()), in_block = kSuperblockWeights / group;
  for (std::size_t g = 0; g < grids.size(); ++g) {
    const std::size_t begin = g * group, count = std::min(group, row.size() - begin);
    grids[g] = fit_group(shape, row.subspan(begin, count),
                         weights.empty() ? weights : weights.subspan(begin, count));
  }
  for (std::size_t first = 0; first < grids.size(); first += in_block) {
    const std::span<GroupGrid> block =
        grids.subspan(first, std::min(in_block, grids.size() - first));
    float scale = 0, minimum = 0;
    for (const GroupGrid& grid : block) {
      scale = std::max(scale, grid.scale);
      minimum = std::max(minimum, -grid.offset);
    }
    const auto sub_code = [&](float value, float of) {
      return of > 0 ? round_within(value / of, 0, float(shape.most_sub)) : 0;
    };
    scale = nearest_f16(scale / float(shape.most_sub));
    minimum = nearest_f16(minimum / float(shape.most_sub));
    out.scales[first / in_block] = scale;
    if (shape.minima) out.minima[first / in_block] = minimum;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const int sub_scale = sub_code(block[i].scale, scale),
                sub_minimum = sub_code(-block[i].offset, minimum);
      out.sub_scales[first + i] = static_cast<std::uint8_t>(sub_scale);
      if (shape.minima) out.sub_minima[first + i] = static_cast<std::uint8_t>(sub_minimum);
      block[i] = grid_of(shape, scale * float(sub_scale), minimum * float(sub_minimum));
    }
  }
}

}  // namespace paretune
