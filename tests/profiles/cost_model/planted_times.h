// Operator times made up by a roofline: a product takes the longer of reading its weights at 10
// GB/s and 50 G multiply-adds/s, both by thread.
#pragma once

#include <vector>

#include "profiles/cost_model/cost_terms.h"
#include "runtime/target.h"

namespace paretune {

inline std::vector<DeployConfig> planted_configs(const Target& target) {
  std::vector<DeployConfig> configs;
  for (const char* policy : {"all=f32", "all=bf16", "all=int8", "all=int4_g32"}) {
    for (const KvFormat* cache : {&kKvBf16, &kKvInt8}) {
      for (const int threads : {1, 2}) {
        DeployConfig config = default_config(target);
        config.weights = parse_policy(policy, "test");
        config.kv_cache = cache;
        config.prefill_threads = config.decode_threads = threads;
        config.max_batch_size = 4 * threads;
        configs.push_back(canonical(config, target));
      }
    }
  }
  return configs;
}

inline OperatorTimes planted_times(const Target& target) {
  OperatorTimes times;
  for (const DeployConfig& config : planted_configs(target)) {
    for (const ProductUse& use : product_uses(config.weights, target.model)) {
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        const MatmulPlans plans = plans_for(use, phase, config, {});
        for (const int m : kTimedRows) {
          const double bytes = double(use.weights->packed_bytes(use.n, use.k));
          const double seconds =
              std::max(bytes / 10e9, double(use.n) * use.k * m / 50e9) / config.decode_threads;
          times.add({use.weights, plans.at(m), use.n, use.k, config.decode_threads}, m, seconds);
        }
      }
    }
    times.attention[&resolve_attention(config.attention_kernel.name, *config.kv_cache)] = {
        1e-6, 1e-8, 1e-6, 5e-9};
    times.store_row[config.kv_cache] = 1e-7;
  }
  return times;
}

}  // namespace paretune
