// What a step takes under any config of a target: operators timed alone, composed by a fit to
// measured steps. Parts that configs share are computed once.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "profiles/cost_model/cost_fit.h"
#include "profiles/cost_model/cost_terms.h"

namespace paretune {

class CostModel {
 public:
  CostModel(CostTerms terms, CostFit fit) : terms_(std::move(terms)), fit_(std::move(fit)) {}

  const Target& target() const { return terms_.target(); }
  const CostTerms& terms() const { return terms_; }
  const CostFit& fit() const { return fit_; }

  // Remembers what it has worked out: one thread at a time.
  StepCost step_cost(const DeployConfig& config);

 private:
  struct Part {
    PhaseCost cost;
    double factor = 1;
  };
  Part part_of(const PhaseTerms& terms) const;
  std::uint64_t policy_index(const Policy& policy);

  CostTerms terms_;
  CostFit fit_;
  std::vector<Policy> policies_;
  std::unordered_map<std::uint64_t, Part> product_parts_, attention_parts_;
};

}  // namespace paretune
