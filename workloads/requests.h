// A workload and a seed into the requests of one trial.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "workloads/workload.h"

namespace paretune {

struct RequestSpec {
  int id = 0;              // 0, 1, … in the order of arrival
  double arrival_s = 0;    // after the first one could have come; closed loop: 0
  int input_tokens = 1;    // the whole prompt
  int output_tokens = 1;   // generated to the end, whatever the model says
  int traffic_class = -1;  // index into workload.traffic; -1: from a trace
  int prefix_group = -1;   // -1: no shared prefix
  int prefix_tokens = 0;   // of input_tokens, shared with all requests of the class and group
  std::uint64_t prefix_seed = 0;
  std::uint64_t content_seed = 0;           // of the tokens after the prefix
  std::vector<std::int64_t> prefix_blocks;  // Mooncake's ids of 512-token blocks
  bool operator==(const RequestSpec&) const = default;
};

// The first n requests: the same for the same arguments, on every machine. Class, input length,
// output length, prefix group and arrival come from streams of their own, so another rate leaves
// every request but its arrival time as it was, arrival times scale by the inverse of the rate, and
// the first n of more requests are the same n. rate_qps: overrides workload.arrival.rate_qps, or
// the speedup of a trace; 1 when neither says. Closed loop: ignored. A trace is replayed from its
// first row under the workload's own seed, from another row under another, and starts over where it
// ends. workload.trace must then be loaded.
std::vector<RequestSpec> make_requests(const Workload& workload, std::uint64_t seed, int n,
                                       std::optional<double> rate_qps = std::nullopt);

// Means of the workload's first 256 requests.
struct MeanLengths {
  double input_tokens = 0, output_tokens = 0;
  double all_tokens() const { return input_tokens + output_tokens; }
};
MeanLengths mean_lengths(const Workload& workload);

// Its prompt: input_tokens ids drawn from `vocabulary` (pass the ordinary tokens, no control
// tokens). Requests of one group, and equal leading blocks of a trace, begin with equal ids.
std::vector<std::int32_t> prompt_tokens(const RequestSpec& request,
                                        std::span<const std::int32_t> vocabulary);

}  // namespace paretune
