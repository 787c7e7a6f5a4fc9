// A sub-space of real configs of the demo, measured in full on one machine (exhaust_bench) and kept
// as data, in the shape of a space that others measured.
//
// Objectives: seconds per output token, milliseconds of the median TPOT, KL divergence. Speeds are
// corrected for the machine's drift: divided by the canary's, smoothed over neighbouring runs of
// it. The prior is the analytic cost model's and the sum of the sensitivities.
#pragma once

#include <string>

#include "bench/measured_space.h"

namespace paretune {

// folder: with speed.csv, quality.csv and, if there is to be a prior, prior.csv. Throws
// std::runtime_error naming file and line.
MeasuredSpace read_replayed_space(const std::string& folder);

}  // namespace paretune
