// Which weights of a row are dropped before it is rounded. One row of kPruners is a method; a
// treatment names one with the percentage, as "wanda50".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/compression/quantizer.h"

namespace paretune {

struct Pruner {
  std::string_view name;
  std::string_view help;
  bool calibrated;  // wants InputStatistics
  bool whole_rows;  // of the matrix, shapes preserved
  // What of a row's weights (k) counts for: the smallest go first. out: (k)
  void (*score)(std::span<const float> row, const InputStatistics* statistics,
                std::span<float> out);
};

void score_magnitude(std::span<const float> row, const InputStatistics*, std::span<float> out);
void score_wanda(std::span<const float> row, const InputStatistics* statistics,
                 std::span<float> out);

inline constexpr std::array kPruners{
    Pruner{"magnitude", "the smallest weights of each row", false, false, score_magnitude},
    Pruner{"wanda", "the smallest by weight times its input's norm", true, false, score_wanda},
    Pruner{"rows", "the outputs whose weights have the smallest norm", false, true,
           score_magnitude},
    // What gradual_pruning.h left at zero, before anything is rounded.
    Pruner{"gradual", "as magnitude, in steps, those that stay making good for those that go", true,
           false, score_magnitude},
};
inline constexpr const Pruner& kGradual = kPruners[3];

// Marks with 1 the `percent` of a row's weights that score least; ties by position.
void mark_dropped(const Pruner& pruner, double percent, std::span<const float> row,
                  const InputStatistics* statistics, std::span<std::uint8_t> dropped);

}  // namespace paretune
