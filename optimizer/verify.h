// The recommended config, launched as emitted and measured again on traffic that the search never
// saw, side by side with the default.
#pragma once

#include <atomic>

#include "optimizer/study.h"
#include "optimizer/tuner.h"
#include "profiles/profiler.h"

namespace paretune {

// Tries what is promising (expected.h), the cheapest first, at most three, until one keeps the SLOs
// and costs no more than the default measured in the same minutes; where none does, the default is
// recommended. A config that misses the SLOs at its promised rate is tried again at lower ones, and
// the cost that is verified is that of the rate that held. Fills study.verification and
// study.picks. rated: the workload with its rate settled. After the deadline, on the clock, no pair
// is run for a narrower interval.
void verify(Study& study, const Workload& rated, Profiler& profiler, Clock& clock, double timeout_s,
            double deadline, TuneObserver& observer, const std::atomic<bool>& stop);

}  // namespace paretune
