// A simulated load run kept in such a form that another config's steps can be put in the places of
// its steps: for every request the summed features of the steps that it lived through.
//
// In a closed loop nobody waits for time to pass, so the schedule does not depend on what steps
// take and the answer is the simulation's own. In an open loop it is an approximation: that at the
// same share of its own capacity every config batches as the traced one did.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "profiles/cost_model/load_metrics.h"
#include "profiles/cost_model/step_cost.h"
#include "profiles/load_run.h"
#include "runtime/deploy_config.h"
#include "workloads/slo.h"

namespace paretune {

// What a trace says of a config, by request.
struct TracedRun {
  std::vector<float> ttft_ms, tpot_ms, e2e_ms;  // tpot_ms: of those with two tokens or more
  double request_rate = 0, output_tokens_per_s = 0;
};

class LoadTrace {
 public:
  LoadTrace(const ModelShape& shape, const DeployConfig& config, const StepCost& cost,
            const Workload& workload, const LoadLevel& level, std::uint64_t seed,
            std::span<const std::int32_t> vocabulary);

  // Of the traced config itself.
  const LoadRun& run() const { return run_; }

  // As if steps took what `cost` says and, in an open loop, requests came at the same share of what
  // it can serve: every time between arrivals stretched by `stretch`.
  void recost(const StepCost& cost, double stretch, TracedRun& result) const;

 private:
  std::vector<std::size_t> used_;  // features of both phases that are not always 0
  std::size_t requests_ = 0;
  std::vector<float> to_first_, after_first_;  // (requests, used_)
  std::vector<int> gaps_;                      // output tokens - 1
  std::vector<double> window_;                 // (used_) from first counted arrival to last finish
  double idle_s_ = 0;                          // of the same window
  double window_tokens_ = 0;
  LoadRun run_;
};

// Of values of any order, by nearest rank; reorders them. 0 where there are none.
double quantile(std::vector<float>& values, double q);

}  // namespace paretune
