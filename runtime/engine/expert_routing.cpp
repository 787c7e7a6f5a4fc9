#include "runtime/engine/expert_routing.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace paretune {

void choose_experts(std::span<const float> logits, bool renormalized, std::span<int> experts,
                    std::span<float> weights) {
  assert(experts.size() == weights.size() && experts.size() <= logits.size());
  for (std::size_t i = 0; i < experts.size(); ++i) {
    int best = -1;
    for (int e = 0; e < static_cast<int>(logits.size()); ++e) {
      if (std::find(experts.begin(), experts.begin() + static_cast<std::ptrdiff_t>(i), e) !=
          experts.begin() + static_cast<std::ptrdiff_t>(i)) {
        continue;
      }
      if (best < 0 || logits[static_cast<std::size_t>(e)] > logits[static_cast<std::size_t>(best)])
        best = e;
    }
    experts[i] = best;
  }
  const float largest = logits[static_cast<std::size_t>(experts[0])];
  float sum = 0;
  for (std::size_t i = 0; i < experts.size(); ++i) {
    weights[i] = std::exp(logits[static_cast<std::size_t>(experts[i])] - largest);
    sum += weights[i];
  }
  if (!renormalized) {
    sum = 0;
    for (const float logit : logits) sum += std::exp(logit - largest);
  }
  for (float& weight : weights) weight /= sum;
}

void ExpertRouting::resize(int rows, int n_experts, int n_used) {
  const std::size_t pairs = static_cast<std::size_t>(rows) * static_cast<std::size_t>(n_used);
  used = n_used;
  experts.resize(pairs);
  weights.resize(pairs);
  assigned_row.resize(pairs);
  assignment.resize(pairs);
  begins.resize(static_cast<std::size_t>(n_experts) + 1);
}

void ExpertRouting::group() {
  std::ranges::fill(begins, 0);
  for (const int expert : experts) ++begins[static_cast<std::size_t>(expert) + 1];
  for (std::size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
  std::vector<int> next(begins.begin(), begins.end() - 1);
  for (std::size_t pair = 0; pair < experts.size(); ++pair) {
    const int at = next[static_cast<std::size_t>(experts[pair])]++;
    assignment[pair] = at;
    assigned_row[static_cast<std::size_t>(at)] = static_cast<int>(pair) / used;
  }
}

}  // namespace paretune
