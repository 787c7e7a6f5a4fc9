// The demo model, and configs to run it with.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "runtime/engine/loaded_model.h"
#include "runtime/engine/scorer.h"
#include "runtime/target.h"

namespace paretune {

inline constexpr const char* kDemo = "workloads/demo/demo.gguf";

inline Target demo_target() {
  static const ModelShape shape = open_model(kDemo)->shape();
  return {this_machine(), shape};
}

// Everything in f32, by the best kernels of this machine.
inline DeployConfig exact_config(const Target& target) {
  DeployConfig config = default_config(target);
  config.weights = parse_policy("all=f32", "test");
  config.activations.name = "f32";
  config.kv_cache = &kKvF32;
  return canonical(config, target);
}

inline nlohmann::json golden_items() {
  std::ifstream file("workloads/demo/golden.json");
  return nlohmann::json::parse(file)["items"];
}

inline std::vector<int> golden_prompt(std::size_t item = 0) {
  return golden_items()[item]["ids"].get<std::vector<int>>();
}

// Greedy continuation of at most n tokens, the end token included.
inline std::vector<int> greedy(Engine& engine, const std::vector<int>& prompt, int n) {
  engine.submit({.id = 1, .prompt = prompt, .sampling = {.max_tokens = n}});
  std::vector<int> tokens;
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.step()) tokens.push_back(event.token);
  }
  return tokens;
}

// The logits after each token from index `first` on, (tokens, vocab_size).
inline std::vector<float> all_logits(Scorer& scorer, std::span<const int> tokens, int first = 0) {
  std::vector<float> all;
  scorer.score(tokens, first, [&](int, std::span<const float> row) {
    all.insert(all.end(), row.begin(), row.end());
  });
  return all;
}
inline std::vector<float> all_logits(const Model& model, const DeployConfig& config,
                                     ThreadPool& pool, std::span<const int> tokens, int first = 0) {
  Scorer scorer(model, config, pool);
  return all_logits(scorer, tokens, first);
}

// The logits after the last token.
inline std::vector<float> last_logits(const LoadedModel& model, const DeployConfig& config,
                                      const std::vector<int>& tokens) {
  return all_logits(*model.model, config, *model.pool, tokens, static_cast<int>(tokens.size()) - 1);
}

// Σ (a - b)²
inline double squared_distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// KL(p || q) of the distributions that two rows of logits stand for, in nats.
inline double divergence(std::span<const float> p, std::span<const float> q) {
  const auto log_sum = [](std::span<const float> row) {
    const float largest = *std::ranges::max_element(row);
    double total = 0;
    for (const float x : row) total += std::exp(double(x) - largest);
    return std::log(total) + largest;
  };
  const double p_sum = log_sum(p), q_sum = log_sum(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double log_p = p[i] - p_sum, log_q = q[i] - q_sum;
    sum += std::exp(log_p) * (log_p - log_q);
  }
  return sum;
}

// The largest error, relative to the largest value that was expected.
inline float largest_error(std::span<const float> found, std::span<const float> expected) {
  float largest = 0, worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    worst = std::max(worst, std::fabs(expected[i] - found[i]));
  }
  return worst / largest;
}

}  // namespace paretune
