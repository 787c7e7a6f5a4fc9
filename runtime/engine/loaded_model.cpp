#include "runtime/engine/loaded_model.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/compression/error_propagation.h"
#include "runtime/compression/gradual_pruning.h"
#include "runtime/compression/narrowing.h"
#include "runtime/compression/rotation.h"
#include "runtime/model/packed_model.h"

namespace paretune {

namespace {

// What the weights are computed from, with the policy that is left to be applied to it.
struct Prepared {
  std::unique_ptr<ModelSource> source;
  DeployConfig config;
  std::optional<Calibration> calibration;
};

void without_neurons(Policy& policy) {
  policy.rewrite([](Treatment treatment) {
    treatment.neurons = 0;
    return treatment;
  });
}

Prepared prepared(std::unique_ptr<ModelSource> source, DeployConfig config, PackCache* packs) {
  if (const int removed = config.weights.at(LayerKind::gate_up).neurons; removed > 0) {
    const Calibration calibration = calibrate(*source, packs);
    source = narrowed(std::move(source), removed, calibration);
    without_neurons(config.weights);
  }
  if (config.smoothing.name == "hadamard") source = rotated(std::move(source));
  if (prunes_gradually(config.weights))
    source = gradually_pruned(std::move(source), config.weights, packs);
  std::optional<Calibration> calibration;
  if (config.weights.calibrated() || needs_statistics(config.smoothing.name)) {
    calibration = calibrate(*source, packs);
    source = smooth(std::move(source), config.smoothing.name, config.weights, *calibration);
    source = propagate_errors(std::move(source), config.weights, *calibration, packs);
  }
  return {std::move(source), std::move(config), std::move(calibration)};
}

// All of it was done when the file was packed.
Prepared as_packed(std::unique_ptr<ModelSource> source, DeployConfig config) {
  const PackedRecipe& recipe = source->as_packed()->recipe();
  if (to_text(config.weights) != recipe.weights || config.smoothing.name != recipe.smoothing)
    throw std::runtime_error(
        source->path().string() + ": found the weights " + to_text(config.weights) +
        " and the smoothing " + std::string(config.smoothing.name) +
        " asked for, allowed: what was packed, " + recipe.weights + " and " + recipe.smoothing);
  without_neurons(config.weights);
  return {std::move(source), std::move(config), std::nullopt};
}

}  // namespace

LoadedModel load_model(std::unique_ptr<ModelSource> source, const DeployConfig& whole,
                       const KernelTable& kernels, PackCache* packs, PackStore* matrices) {
  check_config(whole, {this_machine(), source->shape()});
  LoadedModel loaded;
  loaded.tokenizer = std::make_unique<Tokenizer>(source->tokenizer());
  loaded.pool = std::make_unique<ThreadPool>(std::max(whole.prefill_threads, whole.decode_threads));
  if (!matrices) matrices = packs;
  if (source->as_packed()) matrices = &source->as_packed()->matrices();
  Prepared ready = source->as_packed() ? as_packed(std::move(source), whole)
                                       : prepared(std::move(source), whole, packs);
  loaded.source = std::move(ready.source);
  loaded.model =
      std::make_unique<Model>(*loaded.source, ready.config, *loaded.pool, kernels, matrices,
                              ready.calibration ? &*ready.calibration : nullptr);
  try {
    loaded.chat = chat_template_for(*loaded.tokenizer, loaded.source->chat_template().value_or(""),
                                    loaded.source->path().string() + ": chat template");
  } catch (const std::runtime_error& error) {
    loaded.chat_error = error.what();
  }
  return loaded;
}

std::unique_ptr<Engine> LoadedModel::engine(const DeployConfig& config) const {
  return std::make_unique<Engine>(model_runner(*model, *pool), config);
}

}  // namespace paretune
