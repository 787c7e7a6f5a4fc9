#include "profiles/cost_model/cost_model.h"

#include <algorithm>

namespace paretune {

CostModel::Part CostModel::part_of(const PhaseTerms& terms) const {
  return {.cost = weighted(terms, fit_), .factor = factor(terms, fit_)};
}

std::uint64_t CostModel::policy_index(const Policy& policy) {
  const auto known = std::ranges::find(policies_, policy);
  if (known != policies_.end()) return static_cast<std::uint64_t>(known - policies_.begin());
  policies_.push_back(policy);
  return policies_.size() - 1;
}

StepCost CostModel::step_cost(const DeployConfig& config) {
  const auto index = [](const auto& list, std::string_view name) {
    return static_cast<std::uint64_t>(std::ranges::find(list, name) - list.begin());
  };
  const std::uint64_t policy = policy_index(config.weights);
  const std::uint64_t cache = static_cast<std::uint64_t>(
      std::ranges::find(kKvFormats, config.kv_cache) - kKvFormats.begin());
  const auto shard = static_cast<std::uint64_t>(std::clamp(config.shard_rows_from, 0, 0xffff));
  StepCost cost;
  for (const Phase phase : {Phase::prefill, Phase::decode}) {
    const bool prefill = phase == Phase::prefill;
    const auto threads =
        static_cast<std::uint64_t>(prefill ? config.prefill_threads : config.decode_threads);
    const std::uint64_t common = threads << 1 | std::uint64_t(prefill);  // 13 bits
    const std::uint64_t kernel =
        index(kMatmulKernels, (prefill ? config.prefill_kernel : config.decode_kernel).name);
    const auto find = [&](auto& parts, std::uint64_t key, auto&& make) -> const Part& {
      const auto known = parts.find(key);
      return known != parts.end() ? known->second
                                  : parts.emplace(key, part_of(make())).first->second;
    };
    const Part& products =
        find(product_parts_,
             policy << 40 | shard << 24 | index(kActivationCasts, config.activations.name) << 20 |
                 kernel << 16 | common,
             [&] { return terms_.product_terms(config, phase); });
    const Part& attention =
        find(attention_parts_,
             index(kAttentionKernels, config.attention_kernel.name) << 24 | cache << 16 | common,
             [&] { return terms_.attention_terms(config, phase); });
    PhaseCost& sum = cost.phases[static_cast<std::size_t>(phase)];
    sum = products.cost;
    sum += attention.cost;
    sum *= products.factor * attention.factor;
  }
  return cost;
}

}  // namespace paretune
