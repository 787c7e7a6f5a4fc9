#include "workloads/requests.h"

#include <algorithm>
#include <cassert>

namespace paretune {

namespace {

// One stream of chance for each thing drawn, so that drawing more of one leaves the others as they
// were.
enum Stream : std::uint64_t {
  kClass,
  kInput,
  kOutput,
  kGroup,
  kArrival,
  kPrefixContent,
  kContent,
  kTraceStart
};

std::size_t pick(std::size_t n, double u) { return std::min(n - 1, std::size_t(u * double(n))); }

int class_at(const std::vector<TrafficClass>& traffic, double u) {
  std::size_t i = 0;
  for (double sum = traffic[0].share; i + 1 < traffic.size() && u >= sum; sum += traffic[i].share)
    ++i;
  return int(i);
}

// Rows from `start` on, over again where the trace ends: one mean gap after its last row.
std::vector<RequestSpec> replay(const Workload& workload, std::uint64_t seed, int n,
                                std::optional<double> rate_qps) {
  const std::vector<TraceRow>& rows = workload.trace;
  assert(!rows.empty() && "load_workload reads the trace");
  const double span_s = rows.back().arrival_s;
  const double mean_gap_s = rows.size() > 1 && span_s > 0 ? span_s / double(rows.size() - 1) : 1;
  const double speedup = rate_qps ? *rate_qps * mean_gap_s : workload.arrival.trace.speedup;
  const std::size_t start =
      seed == workload.seed ? 0 : std::size_t(derive_seed(seed, kTraceStart) % rows.size());

  std::vector<RequestSpec> requests;
  for (int id = 0; id < n; ++id) {
    const std::size_t at = start + std::size_t(id);
    const TraceRow& row = rows[at % rows.size()];
    const double laps_s = double(at / rows.size()) * (span_s + mean_gap_s);
    requests.push_back({.arrival_s = (laps_s + row.arrival_s - rows[start].arrival_s) / speedup,
                        .input_tokens = row.input_tokens,
                        .output_tokens = row.output_tokens,
                        .prefix_seed = derive_seed(seed, kPrefixContent),
                        .prefix_blocks = row.prefix_blocks});
  }
  return requests;
}

std::vector<RequestSpec> draw(const Workload& workload, std::uint64_t seed, int n,
                              std::optional<double> rate_qps) {
  assert(!workload.traffic.empty() && "the parser refuses a workload without traffic");
  RandomEngine classes(derive_seed(seed, kClass)), inputs(derive_seed(seed, kInput)),
      outputs(derive_seed(seed, kOutput));
  RandomEngine groups(derive_seed(seed, kGroup)), arrivals(derive_seed(seed, kArrival));
  const ArrivalSpec& arrival = workload.arrival;
  const double rate = rate_qps.value_or(arrival.rate_qps.value_or(1));
  double unit_time = 0;

  std::vector<RequestSpec> requests;
  for (int id = 0; id < n; ++id) {
    RequestSpec request{.traffic_class = class_at(workload.traffic, uniform01(classes))};
    const TrafficClass& traffic = workload.traffic[std::size_t(request.traffic_class)];
    request.input_tokens = length_at(traffic.input_seq_len, uniform01(inputs));
    request.output_tokens = length_at(traffic.output_seq_len, uniform01(outputs));
    const double group = uniform01(groups);
    if (traffic.prefix.num_groups > 0) {
      request.prefix_group = int(pick(std::size_t(traffic.prefix.num_groups), group));
      request.prefix_tokens = std::min(traffic.prefix.prefix_len, request.input_tokens - 1);
      const std::uint64_t of_class =
          derive_seed(derive_seed(seed, kPrefixContent), std::uint64_t(request.traffic_class));
      request.prefix_seed = derive_seed(of_class, std::uint64_t(request.prefix_group));
    }
    if (arrival.process->unit_gap) {
      unit_time += arrival.process->unit_gap(arrival, arrivals);
      request.arrival_s = unit_time / rate;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace

std::vector<RequestSpec> make_requests(const Workload& workload, std::uint64_t seed, int n,
                                       std::optional<double> rate_qps) {
  assert(!rate_qps || *rate_qps > 0);
  std::vector<RequestSpec> requests = workload.arrival.process == &kTrace
                                          ? replay(workload, seed, n, rate_qps)
                                          : draw(workload, seed, n, rate_qps);
  for (int id = 0; id < int(requests.size()); ++id) {
    requests[std::size_t(id)].id = id;
    requests[std::size_t(id)].content_seed =
        derive_seed(derive_seed(seed, kContent), std::uint64_t(id));
  }
  return requests;
}

MeanLengths mean_lengths(const Workload& workload) {
  MeanLengths mean;
  const std::vector<RequestSpec> requests = make_requests(workload, workload.seed, 256);
  for (const RequestSpec& request : requests) {
    mean.input_tokens += double(request.input_tokens) / double(requests.size());
    mean.output_tokens += double(request.output_tokens) / double(requests.size());
  }
  return mean;
}

std::vector<std::int32_t> prompt_tokens(const RequestSpec& request,
                                        std::span<const std::int32_t> vocabulary) {
  assert(!vocabulary.empty());
  std::vector<std::int32_t> tokens;
  tokens.reserve(std::size_t(request.input_tokens));
  const auto append = [&](std::uint64_t seed, std::size_t n) {
    RandomEngine rng(seed);
    for (std::size_t i = 0; i < n && tokens.size() < std::size_t(request.input_tokens); ++i)
      tokens.push_back(vocabulary[pick(vocabulary.size(), uniform01(rng))]);
  };
  for (const std::int64_t block : request.prefix_blocks)
    append(derive_seed(request.prefix_seed, std::uint64_t(block)), kMooncakeBlockTokens);
  if (request.prefix_blocks.empty())
    append(request.prefix_seed, std::size_t(request.prefix_tokens));
  append(request.content_seed, std::size_t(request.input_tokens) - tokens.size());
  return tokens;
}

}  // namespace paretune
