#include "optimizer/certified_gap.h"

#include <algorithm>
#include <limits>

#include "optimizer/front_volume.h"
#include "optimizer/judge.h"
#include "profiles/speed.h"

namespace paretune {
namespace {

constexpr double kSure = 2;         // standard errors
constexpr double kAlone = 0.5;      // of a loss measured alone, what remains among others
constexpr double kRounding = 1e-9;  // nats

double least_kl(const Policy& policy, std::span<const Sensitivity> sensitivities) {
  double least = 0;
  for (const Sensitivity& s : sensitivities) {
    // Of some of the kind's layers nothing is sure.
    if (policy.treatments(s.kind).size() > 1 || policy.at(s.kind) != s.treatment) continue;
    least = std::max(least, kAlone * (s.kl_divergence - kSure * s.kl_standard_error));
  }
  return least;
}

bool breaks(const Objectives& found, const Objectives& bound) {
  return found.usd_per_million_output_tokens < bound.usd_per_million_output_tokens ||
         found.latency_ms < bound.latency_ms ||
         found.kl_divergence + kRounding < bound.kl_divergence;
}

}  // namespace

Objectives lower_bounds(const Policy& policy, const SpeedBounds& speeds,
                        std::span<const Sensitivity> sensitivities, double usd_per_hour) {
  const SpeedBound speed = speeds.of(policy);
  return {.usd_per_million_output_tokens =
              usd_per_million_output_tokens(usd_per_hour, speed.output_tokens_per_s),
          .latency_ms = speed.latency_ms,
          .kl_divergence = least_kl(policy, sensitivities)};
}

std::optional<CertifiedGap> certified_gap(const Study& study, std::span<const Policy> policies,
                                          const SpeedBounds& speeds) {
  const std::optional<FrontBox> box = FrontBox::of(study);
  if (!box) return std::nullopt;
  const auto bounds_of = [&](const Policy& policy) {
    return lower_bounds(policy, speeds, study.sensitivity, study.workload.cost.usd_per_hour);
  };
  CertifiedGap gap;
  std::vector<Scores> front;
  for (const Trial& trial : study.trials) {
    if (trial.measurement.outcome != Outcome::ok) continue;
    gap.broken += breaks(trial.objectives, bounds_of(trial.config.weights));
    if (is_candidate(study, trial)) front.push_back(box->place(trial.objectives));
  }
  const double most_kl =
      floors_of(study.workload).max_kl_divergence.value_or(std::numeric_limits<double>::infinity());
  std::vector<Scores> reachable = front;
  for (const Policy& policy : policies) {
    const Objectives bounds = bounds_of(policy);
    if (bounds.kl_divergence > most_kl) continue;
    reachable.push_back(box->place(bounds));
    ++gap.policies;
  }
  gap.reached = box->share(front);
  gap.reachable = box->share(reachable);
  return gap;
}

}  // namespace paretune
