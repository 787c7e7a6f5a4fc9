// From a measurement to a verdict: objectives, violated limits, the front, the picks. Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/study.h"
#include "search/strategy.h"

namespace paretune {

// What each capability may lose where the workload does not say; of text it is kDefaultMaxKl
// (workload.h).
inline constexpr double kDefaultMaxDrop = 0.01;

// Fills objectives, feasible and violations of a trial that has its measurement.
void judge_trial(Trial& trial, const Workload& workload);

// The workload's floors, with a default where it has no max_kl_divergence or no max_drop: other
// floors are asked for beside these, not in their place.
QualityFloors floors_of(const Workload& workload);

// Whether the workload sets any limit on latency.
bool workload_limits(const Workload& workload);

// The three axes as they are, in the order of Objectives.
Scores raw_scores(const Objectives& objectives);

// As violations and what is said of limits write it: four significant digits.
std::string limit_number(double value);

// How far a trial is from meeting the workload's limits: the sum of the logarithms of all excesses,
// as ratios; 0 where it meets them.
double distance_to_limits(const Trial& trial);

// What a strategy is told: log cost, log latency, log of (KL + 1e-6), and as its excess how far the
// trial is from meeting its limits. nullopt: it did not run.
std::optional<Judged> search_scores(const Trial& trial);

// Marks on_front and fills study.front, picks, feasible, binding_constraint, progress, ties, prices
// and effects from study.trials.
void conclude(Study& study);

// Named picks, "default" always among them; of the others none that the quality gate refused.
// "recommended": what held when it was verified; before any test, the cheapest of the front; once
// tests have begun, only what passed, or the default if it meets the limits. There may be none.
std::vector<Pick> make_picks(const Study& study);

}  // namespace paretune
