// How fast a config with a policy can at most be on this machine: every matrix product at the best
// rate that any kernel was timed at, alone and on any number of threads, all that prompts share
// found in the cache, and all else free. An admissible bound as far as nothing runs faster in a
// step than alone.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "profiles/cost_model/operator_times.h"
#include "runtime/target.h"
#include "workloads/requests.h"
#include "workloads/workload.h"

namespace paretune {

struct SpeedBound {
  double output_tokens_per_s = 0;  // at most, at any rate; infinite: no product of it was timed
  double latency_ms = 0;           // at least, of the workload's latency objective
};

class SpeedBounds {
 public:
  // seed: of the requests that trials get.
  SpeedBounds(const OperatorTimes& times, const Target& target, const Workload& workload,
              std::uint64_t seed);

  SpeedBound of(const Policy& policy) const;

 private:
  // Of one product, each the least of all kernels, threads and numbers of rows.
  struct Best {
    double core_s_per_row;  // share of all cores' time
    double s_per_row;
    double step_s;  // of any number of rows
  };
  struct Lengths {
    double fresh_input_tokens, output_tokens;
  };

  std::map<std::tuple<const WeightFormat*, int, int>, Best> best_;  // by format, n, k
  ModelShape shape_;
  std::vector<Lengths> requests_;
  const LatencyMetric* metric_;
  double quantile_;
};

}  // namespace paretune
