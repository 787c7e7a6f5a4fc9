// Speeds of configs under a workload, predicted: by the simulated engine, or for a hundred thousand
// of them in seconds by traces of it that configs of the same schedule share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "profiles/cost_model/cost_model.h"
#include "profiles/cost_model/load_trace.h"

namespace paretune {

struct SpeedEstimate {
  double capacity = 0;      // requests/s, the engine never without a waiting request
  LoadMetrics saturated{};  // at capacity
  LoadMetrics at_rate{};    // under the load that was asked
  double objective_ms = 0;  // of the workload's latency objective, under that load
  bool meets_slo = true;    // under that load
  double max_rate = 0;  // requests/s, the highest that meets the SLO's limits; 0: none was found to
  double output_tokens_per_s = 0;  // at that rate; where it is 0, under the load that was asked
};

class SpeedPredictor {
 public:
  // Requests are those that trials with this seed get (run_load). vocabulary must outlive it.
  SpeedPredictor(CostModel model, Workload workload, std::uint64_t seed,
                 std::span<const std::int32_t> vocabulary);

  // The engine simulated under this load: off by what steps are off.
  LoadMetrics simulate(const DeployConfig& config, const LoadLevel& level);
  LoadLevel saturation(const DeployConfig& config) const;

  // From traces, at this many requests/s: off by what steps are off and, but for what it says of
  // capacity, by how differently the config would have batched. Microseconds, once a config of the
  // same schedule has been asked about.
  SpeedEstimate estimate(const DeployConfig& config, double rate);
  // The same for requests in flight, if the level has no rate: off by what steps are off alone.
  SpeedEstimate estimate(const DeployConfig& config, const LoadLevel& level);

  CostModel& model() { return model_; }
  std::size_t traces() const;  // made so far

 private:
  // What a schedule depends on beside what steps take.
  using Schedule = std::tuple<int, int, std::string_view, int, int, bool>;
  struct Traces {
    DeployConfig config;
    StepCost cost;
    std::optional<LoadTrace> saturated;
    std::map<std::size_t, LoadTrace> open;  // by index into kLoads
    std::map<int, LoadTrace> closed;        // by requests in flight
  };
  Schedule schedule_of(const DeployConfig& config) const;
  Traces& traces_of(const DeployConfig& config);
  const LoadTrace& open_trace(Traces& traces, std::size_t load);
  // Fills at_rate and objective_ms from the traces at the nearest shares of the config's capacity.
  void look_at_rate(Traces& traces, const StepCost& cost, double rate, SpeedEstimate& result);
  // How far the run is from the SLO's limits: the largest ratio of what it takes to what it may.
  double use_of_limits(TracedRun& run) const;
  void find_max_rate(Traces& traces, const StepCost& cost, SpeedEstimate& result);
  void look_at_concurrency(Traces& traces, const StepCost& cost, int own, int most,
                           SpeedEstimate& result);

  CostModel model_;
  Workload workload_;
  std::uint64_t seed_;
  std::span<const std::int32_t> vocabulary_;
  bool prefixes_ = false;  // some prompts begin alike
  int longest_ = 1;        // tokens of a request
  // Per bound of the SLO: the quantile that is the upper end of its percentile's interval in so
  // many requests, as real runs are judged (rate_search.h).
  std::vector<double> judged_at_;
  std::map<Schedule, Traces> by_schedule_;
  TracedRun scratch_;
};

}  // namespace paretune
