// The highest load that keeps an SLO, from runs at several loads, each of them noisy.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "profiles/measurement.h"
#include "workloads/slo.h"

namespace paretune {

// How much of the SLO a run uses up: the largest ratio of what it took to what it may take, with
// percentiles at the upper ends of their 95 % intervals where it has samples enough for one. Above
// 1 too where it does not meet the SLO for another reason: requests refused, a growing queue, given
// up. 0: the SLO limits nothing.
double use_of_limits(const LoadRun& run, const Slo& slo);

// Of a run that meets the SLO by its percentiles but not by the upper ends of their intervals, the
// limit used most, as violations are written: "ttft_ms p95, upper end of its interval: 160 > 150".
// "": there is none.
std::string unsure_limit(const LoadRun& run, const Slo& slo);

// The non-decreasing sequence nearest to the values by least squares (pool adjacent violators;
// Ayer et al. 1955, doi:10.1214/aoms/1177728423).
std::vector<double> isotonic_fit(std::span<const double> values);

// What runs at several loads say together, more load never using less of the limits.
struct RateBracket {
  // Of the runs that keep the SLO, by their own numbers and by the fit, that with the most output
  // tokens/s; nullptr: none does.
  const LoadRun* best = nullptr;
  double kept = 0;                                          // the highest load of those; 0: none
  double missed = std::numeric_limits<double>::infinity();  // the lowest that the fit rules out
};

// Requests in flight in a closed loop, else requests/s: those that it completed, where the engine
// was never without a waiting request.
double load_of(const LoadRun& run, bool closed);

RateBracket bracket_rate(std::span<const LoadRun> runs, const Slo& slo, bool closed);

}  // namespace paretune
