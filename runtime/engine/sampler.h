// Picks the next token from logits.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "runtime/engine/request.h"

namespace paretune {

class Sampler {
 public:
  explicit Sampler(const Sampling& sampling) : sampling_(sampling), rng_(sampling.seed) {}

  struct Choice {
    int token = 0;
    float logprob = 0;  // natural log, under softmax(logits) before temperature and cuts
  };
  // logits: (vocab_size). Temperature, then top-k, then top-p, then min-p, as llama.cpp and vLLM
  // order them; the first of equals wins under greedy. One draw of the request's own generator per
  // token.
  Choice pick(std::span<const float> logits);

 private:
  Sampling sampling_;
  std::mt19937_64 rng_;
  std::vector<int> order_;
  std::vector<float> weights_;
};

}  // namespace paretune
