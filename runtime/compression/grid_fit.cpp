#include "runtime/compression/grid_fit.h"

#include <algorithm>
#include <cmath>

#include "kernels/packing.h"
#include "runtime/compression/superblock_fit.h"

namespace paretune {
namespace {

constexpr float kStep = 0.05f, kLeast = 0.4f;  // of the range

}  // namespace

int GroupGrid::code(float value) const {
  if (!levels.empty()) return nearest_level(levels, value, scale);
  if (!(scale > 0)) return zero;
  return zero + round_within((value - offset) / scale, float(least - zero), float(most - zero));
}

GroupGrid grid_between(float low, float high, const WeightFormat& format) {
  GroupGrid grid{.most = (1 << format.bits) - 1, .levels = format.levels};
  if (!format.levels.empty()) {
    grid.zero = nearest_level(format.levels, 0, 1);
    grid.scale = stored_scale(format, level_scale(format.levels, low, high));
  } else if (format.zeros) {
    grid.scale = stored_scale(format, high / float(grid.most) - low / float(grid.most));
    grid.zero = grid.scale > 0 ? round_within(-low / grid.scale, 0, float(grid.most)) : 0;
  } else {
    grid.zero = 1 << (format.bits - 1);
    grid.least = format.group == 0 ? 1 : 0;  // ±127: kernels negate codes
    grid.scale = stored_scale(format, std::max(-low, high) / float(grid.zero - 1));
  }
  return grid;
}

double grid_error(const GroupGrid& grid, std::span<const float> values,
                  std::span<const float> weights) {
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float error = values[i] - grid.value(grid.code(values[i]));
    sum += double(error) * error * (weights.empty() ? 1.0f : weights[i]);
  }
  return sum;
}

GroupGrid fit_grid(std::span<const float> values, std::span<const float> weights,
                   const WeightFormat& format) {
  float low = 0, high = 0;
  for (const float v : values) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  GroupGrid best = grid_between(low, high, format);
  double least = grid_error(best, values, weights);
  const auto consider = [&](float low_part, float high_part) {
    const GroupGrid grid = grid_between(low * low_part, high * high_part, format);
    const double error = grid_error(grid, values, weights);
    if (error >= least) return false;
    least = error;
    best = grid;
    return true;
  };
  if (!format.levels.empty()) {
    // The lowest level is farther from zero than the highest, so the sign matters.
    const float largest = std::max(-low, high);
    for (const float sign : {1.0f, -1.0f}) {
      for (float part = 1 + 3 * kStep; part >= kLeast; part -= kStep / 2) {
        GroupGrid grid = best;
        grid.scale = stored_scale(format, sign * part * largest / 127);
        const double error = grid_error(grid, values, weights);
        if (error >= least) continue;
        least = error;
        best = grid;
      }
    }
    return best;
  }
  // Both ends together, then each by itself around what was best.
  float low_part = 1, high_part = 1;
  for (float part = 1 - kStep; part >= kLeast; part -= kStep) {
    if (consider(part, part)) low_part = high_part = part;
  }
  if (!format.zeros) return best;
  for (int round = 0; round < 2; ++round) {
    const float low_from = low_part, high_from = high_part;
    for (const float change : {-0.15f, -0.1f, -0.05f, 0.05f, 0.1f, 0.15f}) {
      if (const float part = low_from + change; part <= 1 && consider(part, high_part))
        low_part = part;
    }
    for (const float change : {-0.15f, -0.1f, -0.05f, 0.05f, 0.1f, 0.15f}) {
      if (const float part = high_from + change; part <= 1 && consider(low_part, part))
        high_part = part;
    }
  }
  return best;
}

void fit_row(std::span<const float> row, std::span<const float> weights, const WeightFormat& format,
             FitGrid* fit, RowCodes& out, std::span<GroupGrid> grids) {
  format.encode(row, out);  // sizes
  if (has_superblocks(format)) return fit_superblocks(row, weights, format, out, grids);
  const std::size_t group = group_size(format, row.size());
  for (std::size_t g = 0; g < grids.size(); ++g) {
    const std::size_t begin = g * group, count = std::min(group, row.size() - begin);
    grids[g] = fit(row.subspan(begin, count),
                   weights.empty() ? weights : weights.subspan(begin, count), format);
    out.scales[g] = grids[g].scale;
    if (format.zeros) out.zeros[g] = static_cast<std::uint8_t>(grids[g].zero);
  }
}

}  // namespace paretune
