// Logits of every position of a text, computed by the kernels, thread counts, chunks and cache
// format that serve.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "runtime/deploy_config.h"

namespace paretune {

class Model;
class ThreadPool;

class Scorer {
 public:
  Scorer(const Model& model, const DeployConfig& config, ThreadPool& pool);
  ~Scorer();

  // Runs tokens as one sequence, in chunks of config.prefill_chunk, and calls
  // visit(i, logits) for i = first, first + 1, …, tokens.size() - 1, where logits (vocab_size)
  // predict the token after tokens[i]. The logits are valid during the call only. tokens.size() <=
  // the model's max_seq_len. What the last text began with is not run again (choices share their
  // question), but for cache formats with a window, whose pages cannot be taken back.
  void score(std::span<const int> tokens, int first,
             const std::function<void(int, std::span<const float>)>& visit);

  // Runs texts beside each other as answers are generated: all but the last `decoded` tokens of
  // each as prompts, then those, one of each text a step. Calls visit(text, i, logits) after each
  // of them. Every text is longer than `decoded` and fits the context.
  void decode(std::span<const std::span<const int>> texts, int decoded,
              const std::function<void(int, int, std::span<const float>)>& visit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paretune
