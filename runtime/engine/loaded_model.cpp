#include "runtime/engine/loaded_model.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/engine/prepared_source.h"
#include "runtime/model/packed_model.h"

namespace paretune {

namespace {

// All of it was done when the file was packed.
PreparedSource as_packed(std::unique_ptr<ModelSource> source, DeployConfig config) {
  const PackedRecipe& recipe = source->as_packed()->recipe();
  if (to_text(config.weights) != recipe.weights || config.smoothing.name != recipe.smoothing)
    throw std::runtime_error(
        source->path().string() + ": found the weights " + to_text(config.weights) +
        " and the smoothing " + std::string(config.smoothing.name) +
        " asked for, allowed: what was packed, " + recipe.weights + " and " + recipe.smoothing);
  if (config.activations.name == kStaticInt8)
    throw std::runtime_error(source->path().string() +
                             ": found activations=int8_static, allowed: int8, as packed files do "
                             "not hold what calibration saw of inputs");
  drop_neurons(config.weights);
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
  PreparedSource ready = source->as_packed() ? as_packed(std::move(source), whole)
                                             : prepare_source(std::move(source), whole, packs);
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
