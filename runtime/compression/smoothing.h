// Scales moved between weights and the norms or weights before them, which change nothing in exact
// arithmetic but make inputs or weights easier to round:
//   qkv, gate_up   the norm's weights are divided by s, the matrices' columns multiplied
//   down           the rows of up are divided by s, the columns of down multiplied
// The attention output projection's inputs mix heads that share values, and experts have no
// statistics: they stay as they are. Or the residual stream is turned (rotation.h).
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "runtime/compression/calibration.h"
#include "runtime/compression/policy.h"
#include "runtime/model/model_source.h"

namespace paretune {

struct Smoother {
  std::string_view name;
  std::string_view help;
  // s (k) of one site: from the inputs' statistics, the largest |w| of each column and, for a
  // method that tries roundings, rows of the matrix (rows, k). Null: no scales are moved.
  std::vector<float> (*scales)(const InputStatistics& inputs, std::span<const float> column_maxima,
                               std::span<const float> rows, const Treatment& treatment);
};

std::vector<float> smoothquant_scales(const InputStatistics& inputs,
                                      std::span<const float> column_maxima,
                                      std::span<const float> rows, const Treatment& treatment);
std::vector<float> awq_scales(const InputStatistics& inputs, std::span<const float> column_maxima,
                              std::span<const float> rows, const Treatment& treatment);

inline constexpr std::array kSmoothers{
    Smoother{"none", "weights as they are", nullptr},
    Smoother{"smoothquant", "outliers of activations moved into weights, half of them",
             smoothquant_scales},
    Smoother{"awq", "weights of loud inputs made larger before rounding, as far as that pays",
             awq_scales},
    Smoother{"hadamard", "outliers of the residual stream spread over all channels", nullptr},
};
inline constexpr std::array<std::string_view, kSmoothers.size()> kSmootherNames{
    kSmoothers[0].name, kSmoothers[1].name, kSmoothers[2].name, kSmoothers[3].name};

bool needs_statistics(std::string_view smoother);

// The model with its scales moved, and the statistics as its matrices now see their inputs; as it
// was, where the smoother moves none.
std::unique_ptr<ModelSource> smooth(std::unique_ptr<ModelSource> source, std::string_view name,
                                    const Policy& policy, Calibration& calibration);

}  // namespace paretune
