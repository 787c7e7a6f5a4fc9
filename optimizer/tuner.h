// Runs a study: asks a strategy for configs, measures them, and concludes.
//
// The next config is a pure function of workload, seed and the measurements so far, and every
// measurement is kept in the store. So a study that was killed goes on by being run again: what it
// had measured is found, not repeated.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "optimizer/study.h"
#include "profiles/profiler.h"
#include "search/strategy.h"

namespace paretune {

struct TuneOptions {
  std::string strategy{kStrategies.front().name};
  std::uint64_t seed = 1;
  bool retune_kernels = false;           // even those that an earlier run tuned
  std::optional<double> kernel_seconds;  // for tuning kernels; unset: 6 % of the budget, at most 60
  // For calibrating the cost model; unset: 7 % of the budget, at most 60; 0: goes without one.
  std::optional<double> calibration_seconds;
  std::string effort;   // as fit_to_budget says it
  std::string command;  // as typed, for the manifest
};

// Told what happens, as it happens. The study is the one so far: its front and picks are those of
// the finished trials.
class TuneObserver {
 public:
  virtual ~TuneObserver() = default;
  virtual void phase(const std::string& what) = 0;
  virtual void trial_begins(const Study& study, const DeployConfig& config) = 0;
  virtual void trial_ended(const Study& study, const Trial& trial, bool from_store) = 0;
};

// The study before its first trial: target, space, domains. Throws where workload.space does not
// fit the target.
Study plan_study(const Workload& workload, const TuneOptions& options, const Profiler& profiler);

// Runs until the budget is used, nothing is left to try or `stop` is true; then the answer so far
// is concluded.
Study tune(const Workload& workload, const TuneOptions& options, Profiler& profiler, Clock& clock,
           const std::atomic<bool>& stop, TuneObserver& observer);

}  // namespace paretune
