// How long a step of any shape takes under one config: linear in features of the shape, so that the
// cost of many steps is the cost of their summed features.
//
// Products of m rows are tabulated at kRowKnots and linear between them, which makes the weights of
// the two neighbouring knots features. A linear function of m is one of these tables too.
#pragma once

#include <array>
#include <cstddef>
#include <functional>

#include "profiles/cost_model/step_shape.h"

namespace paretune {

inline constexpr std::array kRowKnots{1,  2,  3,   4,   6,   8,   12,  16,   24,   32,  48,
                                      64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096};
inline constexpr std::size_t kKnots = kRowKnots.size();

// Where each feature of a phase lies; all in units of one.
inline constexpr std::size_t kRowsAt = 0, kLogitRowsAt = kKnots, kSingleRowsAt = 2 * kKnots,
                             kSingleContextAt = kSingleRowsAt + 1, kChunkRowsAt = kSingleRowsAt + 2,
                             kChunkPairsAt = kSingleRowsAt + 3, kSequencesAt = kSingleRowsAt + 4,
                             kPhaseFeatures = kSingleRowsAt + 5;

// Seconds per unit of each feature of one phase.
struct PhaseCost {
  std::array<double, kPhaseFeatures> seconds{};

  double& operator[](std::size_t feature) { return seconds[feature]; }
  double operator[](std::size_t feature) const { return seconds[feature]; }
  PhaseCost& operator+=(const PhaseCost& other);
  PhaseCost& operator*=(double factor);
  // Adds a table of m rows, from seconds(m), to the features at kRowsAt or kLogitRowsAt.
  void add_table(std::size_t at, const std::function<double(int)>& seconds);
};

struct StepCost {
  std::array<PhaseCost, 2> phases;  // by Phase
  double seconds(const StepShape& shape) const;
};

// Seconds of a shape's own phase.
double seconds_of(const PhaseCost& cost, const StepShape& shape);

// Calls add(feature, amount) for every feature of the shape's phase that is not zero.
template <class Add>
void for_each_feature(const StepShape& shape, Add&& add) {
  const auto table = [&](std::size_t at, int m) {
    if (m <= 0) return;
    std::size_t high = 0;
    while (high + 1 < kKnots && kRowKnots[high] < m) ++high;
    if (kRowKnots[high] == m || high == 0) return add(at + high, double(m) / kRowKnots[high]);
    // Beyond the last knot the last two are continued.
    const double low = kRowKnots[high - 1], share = (m - low) / (kRowKnots[high] - low);
    add(at + high - 1, 1 - share);
    add(at + high, share);
  };
  table(kRowsAt, shape.rows);
  table(kLogitRowsAt, shape.logit_rows);
  const auto plain = [&](std::size_t at, double amount) {
    if (amount != 0) add(at, amount);
  };
  plain(kSingleRowsAt, shape.single_rows);
  plain(kSingleContextAt, shape.single_context);
  plain(kChunkRowsAt, shape.chunk_rows);
  plain(kChunkPairsAt, shape.chunk_pairs);
  plain(kSequencesAt, shape.sequences);
}

}  // namespace paretune
