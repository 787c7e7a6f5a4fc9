// What a config's weights are rounded from: the model after all that comes before rounding.
#pragma once

#include <memory>
#include <optional>

#include "runtime/compression/calibration.h"
#include "runtime/compression/policy.h"
#include "runtime/deploy_config.h"
#include "runtime/model/model_source.h"

namespace paretune {

class PackCache;

struct PreparedSource {
  std::unique_ptr<ModelSource> source;     // narrowed, turned, pruned in steps, smoothed, corrected
  DeployConfig config;                     // whose policy is left to be applied to it
  std::optional<Calibration> calibration;  // of it, where a method asks for one
};

// source: not a packed one. packs: where what is gathered of it is kept, and found again; may be
// null. Throws std::runtime_error as the steps do.
PreparedSource prepare_source(std::unique_ptr<ModelSource> source, DeployConfig config,
                              PackCache* packs);

// Whether its methods want to know the inputs of matrices.
bool needs_calibration(const DeployConfig& config);

// The same policy for a model whose neurons are gone.
void drop_neurons(Policy& policy);

}  // namespace paretune
