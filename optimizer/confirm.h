// The front measured again on requests that the search never saw. A search picks what came out
// best, and what came out best was lucky too ("winner's curse"): so what the front shows, and what
// is promised, comes from runs that took no part in choosing.
#pragma once

#include <atomic>

#include "optimizer/study.h"
#include "optimizer/tuner.h"
#include "profiles/profiler.h"

namespace paretune {

// The load at which a trial's cost was measured, as measure_speed_at wants it.
double level_of(const Trial& trial, const Workload& workload);

// The same of the default, before others are compared with it: what confirmed it may have been a
// bad moment of the machine, so no lower than a step below what the search found.
double level_to_verify(const Trial& base, const Workload& workload);

// Factor by which a missed SLO lowers the load, and how often at most.
inline constexpr double kLevelStep = 0.94;
inline constexpr int kLevelSteps = 5;
// The next lower load, and the next higher one; 0: there is none.
double lower_level(double level, const Workload& workload);
double higher_level(double level, const Workload& workload);
// The load to try after a run at `level` that missed its limits: the next lower one, or the one
// after it if the run served less than the next or time is up, and then no more than it served.
double level_after_miss(double level, const LoadRun& missed, bool late, const Workload& workload);

// Runs the cheapest configs of the front first, by what is expected of them (expected.h), at the
// load that the search found for them or, where that does not hold, at lower ones, at last at the
// workload's own, until every one on the front is confirmed or about budget_s have passed; the
// default always. Their speeds become those of the fresh runs, Trial::searched keeps what the
// search saw, and the front is drawn anew after each. False: interrupted.
bool confirm(Study& study, const Workload& rated, Profiler& profiler, Clock& clock,
             double timeout_s, double budget_s, TuneObserver& observer,
             const std::atomic<bool>& stop);

}  // namespace paretune
