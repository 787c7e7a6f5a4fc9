// What a step is made of, by config: measured operators composed into terms. How much of each term
// a real step pays is what the fit learns (cost_fit.h).
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "profiles/cost_model/operator_times.h"
#include "profiles/cost_model/product_uses.h"
#include "profiles/cost_model/step_cost.h"
#include "runtime/target.h"

namespace paretune {

// "Shared": where more than one thread does it, on top of the same term for any number.
enum CostTerm : std::size_t {
  kProducts,  // every matrix product, as timed alone
  kProductsShared,
  kAttention,  // as timed alone, over the threads
  kAttentionShared,
  kCasts,         // of inputs to what kernels read, and of keys and values to the cache's format
  kStep,          // 1 a step
  kLayersShared,  // 1 a layer: threads wait for each other, unless rows are sharded
  kElements,      // numbers that norms, rotations, gates and sums go through, over the threads
  kSequences,     // 1 a sequence: bookkeeping
  kSampling,      // logits looked at
  kCostTerms
};

struct PhaseTerms {
  std::array<PhaseCost, kCostTerms> terms{};
  std::vector<std::string> buckets;  // that the config's phase shares a residual with
};

class CostTerms {
 public:
  CostTerms(Target target, KernelTable kernels, OperatorTimes times);

  const Target& target() const { return target_; }
  const OperatorTimes& times() const { return times_; }

  // The parts that policy, activations, kernel and threads decide, and those that the cache's
  // format and attention decide. They add up.
  PhaseTerms product_terms(const DeployConfig& config, Phase phase) const;
  PhaseTerms attention_terms(const DeployConfig& config, Phase phase) const;
  PhaseTerms terms(const DeployConfig& config, Phase phase) const;

 private:
  Target target_;
  KernelTable kernels_;
  OperatorTimes times_;
};

}  // namespace paretune
