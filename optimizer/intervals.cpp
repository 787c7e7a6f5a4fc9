#include "optimizer/intervals.h"

#include <algorithm>
#include <utility>

namespace paretune {
namespace {

constexpr double kZ95 = 1.959964;  // of the standard normal: 95 % within ±z standard errors

// Nothing was measured of the spread: the value alone.
Estimate with_value(Estimate estimate, double value) {
  estimate.value = value;
  if (estimate.low == 0 && estimate.high == 0) estimate.low = estimate.high = value;
  return estimate;
}

}  // namespace

Estimate cost_estimate(const Trial& trial) {
  return with_value(trial.measurement.speed.cost, trial.objectives.usd_per_million_output_tokens);
}

Estimate latency_estimate(const Trial& trial, const LatencyObjective& objective) {
  const std::size_t percentile = index_of(objective.percentile);
  return with_value(
      trial.measurement.speed.at_workload.latency.of(*objective.metric).percentiles[percentile],
      trial.objectives.latency_ms);
}

Estimate quality_estimate(const Trial& trial) {
  const double kl = trial.objectives.kl_divergence;
  const double spread = kZ95 * trial.measurement.quality.kl_standard_error;
  return {.value = kl, .low = std::max(0.0, kl - spread), .high = kl + spread};
}

std::array<Estimate, 3> estimates(const Trial& trial, const LatencyObjective& objective) {
  return {cost_estimate(trial), latency_estimate(trial, objective), quality_estimate(trial)};
}

bool indistinct(const std::array<Estimate, 3>& a, const std::array<Estimate, 3>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].high < b[i].low || b[i].high < a[i].low) return false;
  }
  return true;
}

std::vector<TieGroup> ties_of(const Study& study) {
  std::vector<std::pair<int, std::array<Estimate, 3>>> candidates;
  for (const Trial& trial : study.trials) {
    if (trial.measurement.outcome == Outcome::ok && (trial.feasible || !study.feasible))
      candidates.emplace_back(trial.id, estimates(trial, study.workload.objective));
  }
  std::vector<TieGroup> groups;
  for (const int id : study.front) {
    const auto own = std::ranges::find(candidates, id, &decltype(candidates)::value_type::first);
    TieGroup group{.trial = id};
    for (const auto& [other, its] : candidates) {
      if (other != id && indistinct(own->second, its)) group.with.push_back(other);
    }
    if (!group.with.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace paretune
