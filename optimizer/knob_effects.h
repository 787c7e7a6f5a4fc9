// Which knobs mattered, from the trials alone: a random forest of each objective's logarithm over
// the knobs, and for every knob how far its mean prediction over the trials' configs moves between
// the values that were tried (partial dependence, Friedman 2001, doi:10.1214/aos/1013203451).
//
// Trials of a search differ in many knobs at once, so effects of knobs that moved together are
// shared between them: a lead, not a measurement.
#pragma once

#include <vector>

#include "optimizer/study.h"

namespace paretune {

// Of the knobs with at least two values among the trials that ran, the largest effect first. Empty
// below kLeastTrials.
std::vector<KnobEffect> knob_effects(const Study& study);

inline constexpr int kLeastTrials = 8;

}  // namespace paretune
