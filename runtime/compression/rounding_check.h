// Finds faults of rounding methods before anybody serves their results: on a few rows, a method's
// squared error beside that of rounding to nearest.
#pragma once

#include <span>
#include <string>

#include "kernels/weight_format.h"
#include "runtime/compression/quantizer.h"

namespace paretune {

// Rows of each matrix that are looked at.
inline constexpr int kCheckedRows = 4;

class RoundingCheck {
 public:
  // weights (k): of each input's errors, such as its mean square; empty: all alike.
  RoundingCheck(const WeightFormat& format, std::span<const float> weights)
      : format_(format), weights_(weights) {}

  // exact, rounded: a row (k) before the method and after it.
  void add(std::span<const float> exact, std::span<const float> rounded);

  // Throws std::runtime_error naming the tensor where the error is far beyond rounding to nearest.
  void pass(const std::string& tensor, const Quantizer& method) const;

 private:
  const WeightFormat& format_;
  std::span<const float> weights_;
  double error_ = 0, nearest_error_ = 0;
};

}  // namespace paretune
