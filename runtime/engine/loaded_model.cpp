#include "runtime/engine/loaded_model.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/compression/narrowing.h"
#include "runtime/compression/rotation.h"

namespace paretune {

LoadedModel load_model(std::unique_ptr<ModelSource> source, const DeployConfig& whole,
                       const KernelTable& kernels, PackCache* packs) {
  check_config(whole, {this_machine(), source->shape()});
  LoadedModel loaded;
  loaded.tokenizer = std::make_unique<Tokenizer>(source->tokenizer());
  loaded.pool = std::make_unique<ThreadPool>(std::max(whole.prefill_threads, whole.decode_threads));
  DeployConfig config = whole;
  if (const int removed = whole.weights.at(LayerKind::gate_up).neurons; removed > 0) {
    const Calibration calibration = calibrate(*source, packs);
    source = narrowed(std::move(source), removed, calibration);
    config.weights.rewrite([](Treatment treatment) {
      treatment.neurons = 0;
      return treatment;
    });
  }
  if (config.smoothing.name == "hadamard") source = rotated(std::move(source));
  std::optional<Calibration> calibration;
  if (config.weights.calibrated() || needs_statistics(config.smoothing.name)) {
    calibration = calibrate(*source, packs);
    source = smooth(std::move(source), config.smoothing.name, config.weights, *calibration);
  }
  loaded.model = std::make_unique<Model>(*source, config, *loaded.pool, kernels, packs,
                                         calibration ? &*calibration : nullptr);
  try {
    loaded.chat = chat_template_for(*loaded.tokenizer, source->chat_template().value_or(""),
                                    source->path().string() + ": chat template");
  } catch (const std::runtime_error& error) {
    loaded.chat_error = error.what();
  }
  loaded.source = std::move(source);
  return loaded;
}

std::unique_ptr<Engine> LoadedModel::engine(const DeployConfig& config) const {
  return std::make_unique<Engine>(model_runner(*model, *pool), config);
}

}  // namespace paretune
