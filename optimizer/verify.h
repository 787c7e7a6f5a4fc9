// The recommended config, launched as emitted and measured again on traffic that the search never
// saw, side by side with the default.
#pragma once

#include <atomic>

#include "optimizer/study.h"
#include "optimizer/tuner.h"
#include "profiles/profiler.h"

namespace paretune {

// Fresh request streams that each run both configs, at least.
inline constexpr int kFewestBlocks = 3;
// What that takes where all goes well, as runs at one load: a heat of five, rates raised once, the
// streams, one of them at the workload's own load too, and a rate lowered once.
inline constexpr int kVerificationRuns = 5 + 2 + 2 * kFewestBlocks + 1 + 2;

// What the quality gate takes of a study whose trials take so long: it asks more than a trial does.
double expected_gate_seconds(const Workload& workload, double trial_s);

// Runs what is expected to cost least beside each other, as time allows, and tries it in the order
// of what it served, then what else is promising (expected.h), at most three, until one keeps the
// SLOs and costs no more than the default measured in the same minutes; where none does, the
// default is recommended. A config that misses the SLOs at its promised rate is tried again at
// lower ones, and the cost that is verified is that of the rate that held. Fills study.verification
// and study.picks. rated: the workload with its rate settled. After the deadline, on the clock, no
// pair is run for a narrower interval, and rates fall in larger steps.
void verify(Study& study, const Workload& rated, Profiler& profiler, Clock& clock, double timeout_s,
            double deadline, TuneObserver& observer, const std::atomic<bool>& stop);

}  // namespace paretune
