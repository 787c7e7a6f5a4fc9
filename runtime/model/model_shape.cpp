#include "runtime/model/model_shape.h"

#include <cmath>
#include <stdexcept>

#include "runtime/model/weights.h"

namespace paretune {
namespace {

// Bounds far above any model; under them no product of two sizes overflows 64 bits, nor n_heads *
// head_dim 32.
constexpr int kMaxLayers = 1 << 12;
constexpr int kMaxHeads = 1 << 12;
constexpr int kMaxHeadDim = 1 << 12;
constexpr int kMaxWidth = 1 << 24;
constexpr int kMaxExperts = 1 << 12;
constexpr int kMaxSequence = 1 << 30;

// With so many experts a layer.
std::int64_t count_with(const ModelShape& shape, int experts, bool embeddings) {
  std::int64_t count = 0;
  for (const WeightInfo& info : kWeights) {
    if (!info.present(shape)) continue;
    if (info.weight == Weight::token_embedding && !embeddings) continue;
    const auto [rows, columns] = info.dims(shape);
    const int used =
        info.repeats == Repeats::per_expert ? shape.n_layers * experts : instances(info, shape);
    count += std::int64_t{rows} * columns * used;
  }
  return count;
}

}  // namespace

std::int64_t parameter_count(const ModelShape& shape) {
  return count_with(shape, shape.n_experts, true);
}

// Tied embeddings are multiplied as the output head.
std::int64_t active_parameter_count(const ModelShape& shape) {
  return count_with(shape, shape.n_experts_used, shape.tied_output);
}

std::int64_t multiplied_parameter_count(const ModelShape& shape) {
  return count_with(shape, shape.n_experts, shape.tied_output);
}

void check_shape(const ModelShape& shape, const std::string& where) {
  const auto require = [&](bool condition, const std::string& problem) {
    if (!condition) throw std::runtime_error(where + ": " + problem);
  };
  const auto require_size = [&](const char* name, int value, int max) {
    require(value >= 1 && value <= max, std::string(name) + " is " + std::to_string(value) +
                                            "; allowed: 1 to " + std::to_string(max));
  };
  require_size("the number of layers", shape.n_layers, kMaxLayers);
  require_size("the model width", shape.d_model, kMaxWidth);
  require_size("the number of heads", shape.n_heads, kMaxHeads);
  require_size("the number of key/value heads", shape.n_kv_heads, kMaxHeads);
  require_size("the head dimension", shape.head_dim, kMaxHeadDim);
  require_size("the feed-forward width", shape.d_ff, kMaxWidth);
  require_size("the vocabulary size", shape.vocab_size, kMaxWidth);
  require_size("the context length", shape.max_seq_len, kMaxSequence);
  require(shape.n_experts >= 0 && shape.n_experts <= kMaxExperts,
          "the number of experts is " + std::to_string(shape.n_experts) + "; allowed: 0 to " +
              std::to_string(kMaxExperts));
  if (shape.n_experts > 0) {
    require_size("the number of experts used", shape.n_experts_used, shape.n_experts);
  }
  require(shape.n_heads % shape.n_kv_heads == 0,
          std::to_string(shape.n_heads) + " heads cannot share " +
              std::to_string(shape.n_kv_heads) + " key/value heads evenly");
  require(shape.head_dim % 2 == 0,
          "the head dimension is " + std::to_string(shape.head_dim) + "; RoPE needs an even one");
  require(shape.rms_epsilon > 0 && shape.rms_epsilon < 1, "the RMS norm's epsilon is " +
                                                              std::to_string(shape.rms_epsilon) +
                                                              "; allowed: between 0 and 1");
  require(shape.rope_inverse_frequencies.size() == static_cast<std::size_t>(shape.head_dim / 2),
          "there must be head_dim / 2 RoPE frequencies");
  for (const float frequency : shape.rope_inverse_frequencies) {
    require(std::isfinite(frequency) && frequency > 0,
            "RoPE frequencies must be finite and positive");
  }
}

}  // namespace paretune
