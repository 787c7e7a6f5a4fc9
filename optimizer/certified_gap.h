// What the front may lack at most, by bounds: no config can be faster than its matrix products
// (profiles/cost_model/speed_bound.h) nor, which is assumed and held against every trial, lose less
// than half of what its most harmful treatment was measured to lose alone. Bounds depend on a
// config's policy only, so a few dozen of them cover the whole space of the study. They are loose;
// the search's regret (search/regret.h) is the guess beside them.
#pragma once

#include <optional>
#include <span>

#include "optimizer/study.h"
#include "profiles/cost_model/speed_bound.h"

namespace paretune {

// Of any config with this policy. unknown treatments bound nothing.
Objectives lower_bounds(const Policy& policy, const SpeedBounds& speeds,
                        std::span<const Sensitivity> sensitivities, double usd_per_hour);

// policies: all of the space's. Those that lose more than the workload allows whatever else is
// chosen are left out. nullopt: the default did not run.
std::optional<CertifiedGap> certified_gap(const Study& study, std::span<const Policy> policies,
                                          const SpeedBounds& speeds);

}  // namespace paretune
