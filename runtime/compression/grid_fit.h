// A group's scale and zero, chosen to lose least.
#pragma once

#include <span>

#include "kernels/weight_format.h"

namespace paretune {

struct GroupGrid {
  float scale = 0;  // an f16 value; 0: all weights are zero
  int zero = 0;
  int most = 15;  // codes are 0 … most

  int code(float value) const;
  float value(int code) const { return scale * float(code - zero); }
};

// The grid of round-to-nearest whose range ends at low ≤ 0 ≤ high. In formats without zeros the
// range is symmetric.
GroupGrid grid_between(float low, float high, const WeightFormat& format);

// Σ weight (value - rounded value)². weights: of values, or empty for ones.
double grid_error(const GroupGrid& grid, std::span<const float> values,
                  std::span<const float> weights);

// The best of round-to-nearest's grid and those of ranges clipped at either end to as little as
// 0.4 of it. Never worse than round-to-nearest by grid_error.
GroupGrid fit_grid(std::span<const float> values, std::span<const float> weights,
                   const WeightFormat& format);

}  // namespace paretune
