// Finds faults of rounding before anybody serves its results, on a few rows: of a method by its
// squared error beside that of rounding to nearest, and of rounding to nearest by the step that the
// weights of a group allow, whatever code rounded and stored them.
#pragma once

#include <span>
#include <string>

#include "kernels/weight_format.h"
#include "runtime/compression/quantizer.h"

namespace paretune {

// Rows of each matrix that are looked at.
inline constexpr int kCheckedRows = 4;

// Throws std::runtime_error naming the tensor where a row (k) that was rounded to nearest is
// farther from what it was than its grid allows: in a format of linear codes a group's mean square
// by more than half a step's square, where one zero-point too many makes it 13/12, and in bf16 and
// f32 any weight by more than a rounding. Other formats are not looked at. rounded zeros that are
// no weights' nearest are taken as pruned where `pruned` says so.
void check_nearest(const std::string& tensor, const WeightFormat& format,
                   std::span<const float> exact, std::span<const float> rounded, bool pruned);

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
