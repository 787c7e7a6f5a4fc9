// What one trial measured. Every number here was observed on this machine; a prediction has no
// place in these structs.
//
// Definitions (also printed in the report): TTFT = arrival to first token, queueing included. ITL =
// each gap between the tokens of one request. TPOT = (E2E - TTFT) / (output tokens - 1), one per
// request. E2E = arrival to last token. Goodput = requests/s that meet every per-request limit;
// attainment = the fraction of requests that do.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/slo.h"

namespace paretune {

struct Estimate {
  double value = 0;
  double low = 0;   // 95 % interval
  double high = 0;  // may be infinite where samples do not bound it
};

struct Distribution {
  int samples = 0;
  double mean = 0;
  std::array<Estimate, kPercentiles.size()> percentiles{};  // in the order of kPercentiles
  bool enough(std::size_t i) const { return samples >= samples_needed(kPercentiles[i].percent); }
};
Distribution summarize(std::vector<double> samples);  // none negative

// A field for each row of kLatencyMetrics, called as the metric is.
struct LatencySet {
  Distribution ttft_ms, itl_ms, tpot_ms, e2e_latency_ms;
  const Distribution& of(const LatencyMetric& metric) const;
};

// One run of the engine under one stream of requests.
struct LoadRun {
  double offered_rate = 0;  // requests/s; 0: closed loop
  int concurrency = 0;      // closed loop: requests kept in flight; 0: open loop
  int requests = 0;         // measured ones, warm-up excluded
  int failed = 0;           // refused by the engine (longer than the context)
  double seconds = 0;
  LatencySet latency;
  double request_rate = 0;  // completed/s
  double output_tokens_per_s = 0;
  double output_tokens_standard_error =
      0;  // of the above, from the means of eight equal parts of the run
  double input_tokens_per_s = 0;
  double goodput = 0;         // requests/s that meet every per-request limit of the SLO
  double slo_attainment = 1;  // fraction of requests that do
  bool saturated = false;     // the queue grew to the end: no steady state
  bool meets_slo = true;
  std::string missed;          // the limit that was missed by most, as "ttft_ms p95 = 512 > 300"
  double steal_fraction = 0;   // CPU time that the hypervisor gave to others meanwhile, of all
  double others_fraction = 0;  // the same of this machine's other processes
  std::uint64_t prefix_cache_queries = 0, prefix_cache_hits = 0;
};

struct Speed {
  LoadRun at_workload;               // under the workload's own arrivals: the latency axis
  LoadRun at_max_rate;               // at the highest rate that kept the SLOs: the cost axis
  std::vector<LoadRun> rate_search;  // every rate tried, in order
  double max_rate = 0;               // requests/s; 0: no rate met the SLOs
  double usd_per_million_output_tokens = 0;  // at at_max_rate; where max_rate is 0, at at_workload
  Estimate cost;      // the same with its interval, from the spread of output tokens/s
  double load_s = 0;  // open, pack, first token
  // Resident, beyond what the trial's process was born with; what the cache has yet to take counts
  // as well where prefixes stay in it until it is full.
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t kv_bytes = 0;
  // Of the canary (canary.h), the smaller of before and after the runs: an interruption that passes
  // is not drift. 0: none ran.
  double canary_s = 0;
};

struct Capability {
  std::string name;
  int items = 0;
  double accuracy = 0;
  double standard_error = 0;
  double reference_accuracy = 0;  // full precision, on the same items
  int broken = 0;                 // right at full precision, wrong now
  int mended = 0;                 // the other way
  // What was lost, reference - now, estimated from the pairs: where every score is right or wrong
  // by Bonett and Price (paired_drop in profiles/statistics.h), so that no flips at all is not
  // taken for certainty.
  double drop = 0;
  double drop_standard_error = 0;
  double mcnemar_p = 1;  // of so uneven flips by chance alone, two-sided, exact
  // The probability that the model gives the right answer: what would be its accuracy if it drew
  // answers by their likelihood. It moves before answers flip. rated: questions it is known of; 0
  // where the grader has no answer to rate, or full precision is right far more often than this
  // says (it words its answers differently), so that it tells nothing.
  int rated = 0;
  double reference_likelihood = 0;
  double likelihood_drop = 0;  // reference - now, from the pairs
  double likelihood_drop_standard_error = 0;
};

struct Quality {
  double kl_divergence = 0;      // mean over tokens of KL(full precision || this), nats
  double kl_standard_error = 0;  // clustered by document
  double kl_p99 = 0;
  double kl_p999 = 0;
  // What tokens lose more when they are fed one at a time beside other texts, as answers are, than
  // as prompts: mean over the same tokens. Whatever was rounded, it is about 0 where the kernels
  // that decode compute the same as those that prefill.
  double kl_added_by_decoding = 0;
  double kl_added_by_decoding_standard_error = 0;
  // Where more than the floor is lost: what other kernels, or none, would mend (fault.h), in words.
  std::string fault;
  // Between two kernels of the same full-precision weights: what is not above it is rounding.
  double kl_noise_floor = 0;
  double same_top1_fraction = 1;
  double same_top1_standard_error = 0;
  double perplexity = 0;
  double reference_perplexity = 0;
  double perplexity_ratio = 1;
  double perplexity_ratio_standard_error = 0;
  int tokens = 0;
  int documents = 0;                 // texts, or sources of them, that do not depend on each other
  int answers = 0;                   // greedy, to questions that want the model's own words
  double same_answers_fraction = 1;  // of those, token for token as at full precision
  double first_divergent_token = 0;  // median index among those that differ; 0: none does
  std::vector<Capability> capabilities;
  double accuracy = 0;  // mean over capabilities
  double accuracy_standard_error = 0;
};

// What became of a trial. Anything but ok is a result too: it teaches the search and stays in the
// report.
enum class Outcome { ok, out_of_memory, timed_out, crashed, refused };
std::string_view outcome_name(Outcome outcome);

struct Measurement {
  Outcome outcome = Outcome::ok;
  std::string detail;  // of a failure, in words
  Speed speed;
  Quality quality;
  double seconds = 0;       // that measuring took
  std::string measured_at;  // UTC, ISO 8601
};

}  // namespace paretune
