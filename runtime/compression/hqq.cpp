// Half-quadratic quantization: a group's zero and scale that minimize Σ |w - rounded w|^p with
// p = 0.7, by alternating a shrinkage step on the error with a closed form for the zero.
// Source: Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models"
// (mobiusml.github.io/hqq_blog, 2023); constants as in its code: β = 10, κ = 1.01, 20 steps.
//
// Zeros are integers in our formats, so the scale is solved for as well, and the clipped grid with
// the lower Σ |error|^p is kept: never worse than clipping by that measure.
#include <cmath>

#include "kernels/packing.h"
#include "runtime/compression/grid_fit.h"
#include "runtime/compression/quantizer.h"

namespace paretune {
namespace {

constexpr float kPower = 0.7f;

double power_error(const GroupGrid& grid, std::span<const float> values) {
  double sum = 0;
  for (const float v : values) {
    sum += std::pow(std::fabs(v - grid.value(grid.code(v))), kPower);
  }
  return sum;
}

float shrink(float x, float beta) {
  const float size = std::fabs(x);
  if (size == 0) return 0;
  const float less = size - std::pow(size, kPower - 1) / beta;
  return less > 0 ? std::copysign(less, x) : 0;
}

GroupGrid half_quadratic(std::span<const float> values, std::span<const float>,
                         const WeightFormat& format) {
  GroupGrid best = fit_grid(values, {}, format);
  if (best.scale == 0 || !best.levels.empty()) return best;  // levels: clipped
  double least = power_error(best, values);
  GroupGrid grid = best;
  float beta = 10;
  // Errors relative to the step, so that β means the same whatever the weights' size.
  for (int step = 0; step < 20; ++step, beta *= 1.01f) {
    double weight = 0, moment = 0, zero = 0;
    for (const float v : values) {
      const int code = grid.code(v);
      const float error = shrink(v / grid.scale - float(code - grid.zero), beta);
      const double target = double(v) - double(error) * grid.scale;
      const double centred = code - grid.zero;
      weight += centred * centred;
      moment += centred * target;
      zero += code - target / grid.scale;
    }
    GroupGrid next = grid;
    if (format.zeros) {
      next.zero = round_within(float(zero / double(values.size())), 0, float(grid.most));
    }
    if (weight > 0 && moment > 0) {
      next.scale = stored_scale(format, float(moment / weight));
    }
    if (!(next.scale > 0)) break;
    const double error = power_error(next, values);
    if (error < least) {
      least = error;
      best = next;
    }
    if (next.scale == grid.scale && next.zero == grid.zero) break;
    grid = next;
  }
  return best;
}

}  // namespace

std::unique_ptr<RowQuantizer> make_hqq(const WeightFormat& format, const InputStatistics*) {
  return make_by_group(format, {}, half_quadratic);
}

}  // namespace paretune
