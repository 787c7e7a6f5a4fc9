#include "runtime/engine/prepared_source.h"

#include <utility>

#include "runtime/compression/error_propagation.h"
#include "runtime/compression/gradual_pruning.h"
#include "runtime/compression/narrowing.h"
#include "runtime/compression/rotation.h"
#include "runtime/compression/smoothing.h"

namespace paretune {

bool needs_calibration(const DeployConfig& config) {
  return config.weights.calibrated() || needs_statistics(config.smoothing.name) ||
         config.activations.name == kStaticInt8;
}

void drop_neurons(Policy& policy) {
  policy.rewrite([](Treatment treatment) {
    treatment.neurons = 0;
    return treatment;
  });
}

PreparedSource prepare_source(std::unique_ptr<ModelSource> source, DeployConfig config,
                              PackCache* packs) {
  if (const int removed = config.weights.at(LayerKind::gate_up).neurons; removed > 0) {
    const Calibration calibration = calibrate(*source, packs);
    source = narrowed(std::move(source), removed, calibration);
    drop_neurons(config.weights);
  }
  if (config.smoothing.name == "hadamard") source = rotated(std::move(source));
  if (prunes_gradually(config.weights))
    source = gradually_pruned(std::move(source), config.weights, packs);
  std::optional<Calibration> calibration;
  if (needs_calibration(config)) {
    calibration = calibrate(*source, packs);
    source = smooth(std::move(source), config.smoothing.name, config.weights, *calibration);
    source = propagate_errors(std::move(source), config.weights, *calibration, packs);
  }
  return {std::move(source), std::move(config), std::move(calibration)};
}

}  // namespace paretune
