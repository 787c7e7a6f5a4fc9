// The objectives of a trial with their 95 % intervals, and which trials these cannot tell apart.
#pragma once

#include <array>
#include <vector>

#include "optimizer/study.h"

namespace paretune {

// Cost: from the spread of output tokens/s; latency: distribution-free, of the percentile; quality:
// of the mean over documents.
Estimate cost_estimate(const Trial& trial);
Estimate latency_estimate(const Trial& trial, const LatencyObjective& objective);
Estimate quality_estimate(const Trial& trial);

// In the order of Objectives.
std::array<Estimate, 3> estimates(const Trial& trial, const LatencyObjective& objective);

// In no objective are the intervals apart: what was measured does not say which is better anywhere.
// Not transitive.
bool indistinct(const std::array<Estimate, 3>& a, const std::array<Estimate, 3>& b);

// For each trial of the front that ties with any other candidate of it (trials that ran, feasible
// where some are): the front's trial and those others, on the front or not, by id.
std::vector<TieGroup> ties_of(const Study& study);

}  // namespace paretune
