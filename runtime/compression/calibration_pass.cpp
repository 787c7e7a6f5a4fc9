#include "runtime/compression/calibration_pass.h"

#include <algorithm>
#include <utility>

#include "runtime/compression/calibration.h"
#include "runtime/compression/self_samples.h"

namespace paretune {
namespace {

constexpr int kSequences = Calibration::kSequences, kTokens = Calibration::kTokens;

// No layer reads what another wrote, so all take turns on the pages of one.
KvPool pages_of_one_layer(ModelShape shape, const DeployConfig& config,
                          std::span<const std::vector<int>> sequences) {
  shape.n_layers = 1;
  int tokens = 0;
  for (const std::vector<int>& sequence : sequences)
    tokens += static_cast<int>(sequence.size()) + config.kv_page_tokens;
  return KvPool(shape, *config.kv_cache, config.kv_page_tokens, tokens);
}

}  // namespace

DeployConfig calibration_config(const ModelShape& shape) {
  DeployConfig config = default_config({this_machine(), shape});
  config.activations.name = "f32";
  config.prefix_caching = false;
  config.max_batch_size = kSequences;
  config.prefill_chunk = 256;
  config.kv_cache_tokens =
      kSequences * (std::min(kTokens, shape.max_seq_len) + 2 * config.kv_page_tokens);
  const std::size_t kv_bytes = static_cast<std::size_t>(config.kv_cache_tokens) *
                               static_cast<std::size_t>(shape.n_layers * shape.n_kv_heads) *
                               static_cast<std::size_t>(shape.head_dim) * 2 * sizeof(float);
  config.kv_cache = kv_bytes <= std::size_t(1) << 30 ? &kKvF32 : &kKvBf16;
  return config;
}

std::vector<std::vector<int>> calibration_sequences(const Model& model, const DeployConfig& config,
                                                    ThreadPool& pool, PackCache* packs) {
  const auto texts = model.source().calibration_texts();
  std::vector<std::vector<int>> sequences(texts.begin(), texts.end());
  std::size_t left = std::size_t(kSequences) * kTokens;
  for (const std::vector<int>& tokens : sequences) left -= std::min(left, tokens.size());
  if (left < kTokens) return sequences;
  for (std::vector<int>& tokens : self_samples(model, config, pool, packs)) {
    if (left == 0) break;
    left -= std::min(left, tokens.size());
    sequences.push_back(std::move(tokens));
  }
  return sequences;
}

CalibrationPass::CalibrationPass(const ModelShape& shape, const DeployConfig& config,
                                 std::span<const std::vector<int>> sequences)
    : kv_(pages_of_one_layer(shape, config, sequences)), pages_(sequences.size()) {
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    pages_[i].resize(static_cast<std::size_t>(shape.n_layers));
    for (int p = kv_.pages_for(static_cast<int>(sequences[i].size())); p > 0; --p) {
      const KvPool::PageId page = kv_.allocate();
      for (auto& layer : pages_[i]) layer.push_back(kv_.layer(page, 0));
    }
    segments_.push_back({.tokens = sequences[i], .layer_pages = pages_[i]});
  }
}

}  // namespace paretune
