// The demo model, and configs to run it with.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
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

// Greedy continuation of at most n tokens, the end token included.
inline std::vector<int> greedy(Engine& engine, const std::vector<int>& prompt, int n) {
  engine.submit({.id = 1, .prompt = prompt, .sampling = {.max_tokens = n}});
  std::vector<int> tokens;
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.step()) tokens.push_back(event.token);
  }
  return tokens;
}

// The logits after the last token.
inline std::vector<float> last_logits(const LoadedModel& model, const DeployConfig& config,
                                      const std::vector<int>& tokens) {
  Scorer scorer(*model.model, config, *model.pool);
  std::vector<float> result;
  scorer.score(
      tokens, static_cast<int>(tokens.size()) - 1,
      [&](int, std::span<const float> logits) { result.assign(logits.begin(), logits.end()); });
  return result;
}

}  // namespace paretune
