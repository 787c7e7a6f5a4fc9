#include "runtime/compression/self_samples.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "runtime/compression/calibration.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {
namespace {

constexpr int kSamplesVersion = 5;  // raised when the samples change
// Of the sequences, those of tokens drawn at random: what a model says itself visits few of its
// inputs' directions.
constexpr int kRandom = 6;

std::vector<int> random_tokens(const ModelSource& source, int length, unsigned seed) {
  std::mt19937 rng(seed);
  const TokenizerData& tokenizer = source.tokenizer();
  std::vector<int> tokens;
  if (tokenizer.bos_id >= 0) tokens.push_back(tokenizer.bos_id);
  while (static_cast<int>(tokens.size()) < length)
    tokens.push_back(static_cast<int>(rng() % static_cast<unsigned>(source.shape().vocab_size)));
  return tokens;
}

std::vector<std::vector<int>> sample(const Model& model, const DeployConfig& config,
                                     ThreadPool& pool) {
  const ModelSource& source = model.source();
  const TokenizerData& tokenizer = source.tokenizer();
  const int length = std::min(Calibration::kTokens, source.shape().max_seq_len);
  std::vector<std::vector<int>> sequences(Calibration::kSequences);
  Engine engine(model_runner(model, pool), config);
  for (int i = Calibration::kSequences - kRandom; i < Calibration::kSequences; ++i)
    sequences[static_cast<std::size_t>(i)] =
        random_tokens(source, length, static_cast<unsigned>(i));
  for (int i = 0; i < Calibration::kSequences - kRandom; ++i) {
    // A first token of its own for each, spread over the vocabulary, after BOS where there is one.
    std::vector<int>& tokens = sequences[static_cast<std::size_t>(i)];
    if (tokenizer.bos_id >= 0) tokens.push_back(tokenizer.bos_id);
    tokens.push_back(static_cast<int>((static_cast<long>(i) * 2 + 1) * source.shape().vocab_size /
                                      (2 * (Calibration::kSequences - kRandom))));
    engine.submit({.id = static_cast<std::uint64_t>(i),
                   .prompt = tokens,
                   .sampling = {.temperature = 1,
                                .seed = static_cast<std::uint64_t>(i) + 1,
                                .max_tokens = std::max(1, length - 2),
                                .ignore_eos = true}});
  }
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.step()) {
      sequences[event.request_id].push_back(event.token);
    }
  }
  for (std::vector<int>& tokens : sequences) {
    tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(length)));
  }
  return sequences;
}

}  // namespace

std::vector<std::vector<int>> self_samples(const Model& model, const DeployConfig& config,
                                           ThreadPool& pool, PackCache* packs) {
  const ModelSource& source = model.source().as_stored();
  const auto fresh = [&] {
    if (&source == &model.source()) return sample(model, config, pool);
    const Model stored(source, config, pool, {}, packs);
    return sample(stored, config, pool);
  };
  if (!packs) return fresh();
  const auto length =
      static_cast<std::size_t>(std::min(Calibration::kTokens, source.shape().max_seq_len));
  const std::string key =
      PackCache::key({"samples", std::to_string(kSamplesVersion), std::to_string(kKernelsVersion),
                      packs->model_hash(source)});
  // Rows of `length` tokens, padded with -1.
  std::vector<std::int32_t> table(Calibration::kSequences * length, -1);
  std::vector<std::vector<int>> sequences(Calibration::kSequences);
  if (const auto found = packs->find(key, table.size() * sizeof(std::int32_t))) {
    std::memcpy(table.data(), found->bytes.data(), found->bytes.size());
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (table[i] >= 0) sequences[i / length].push_back(table[i]);
    }
    return sequences;
  }
  sequences = fresh();
  for (std::size_t i = 0; i < sequences.size(); ++i)
    std::ranges::copy(sequences[i], table.begin() + static_cast<std::ptrdiff_t>(i * length));
  packs->keep(key, std::as_bytes(std::span(table)));
  return sequences;
}

}  // namespace paretune
