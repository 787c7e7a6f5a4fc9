// When requests arrive: a process from the catalog and its numbers.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "workloads/random.h"
#include "workloads/trace.h"

namespace paretune {

struct ArrivalSpec;

// A row of kArrivals. `required` and `optional` are the keys of workload.json that it reads,
// separated by spaces.
struct ArrivalProcess {
  std::string_view name;
  std::string_view required;
  std::string_view optional;
  bool has_rate;  // requests come at a rate that the tuner may set; false: the next comes when one
                  // has finished
  // The gap to the next request, of mean 1: divided by the rate it is seconds. Null: no gaps are
  // drawn.
  double (*unit_gap)(const ArrivalSpec& spec, RandomEngine& rng);
};

extern const ArrivalProcess kClosedLoop;  // `concurrency` requests in flight, always
extern const ArrivalProcess kPoisson;
extern const ArrivalProcess
    kGamma;  // gaps of shape `burstiness`, as vLLM's --burstiness: 1 is Poisson, below burstier
extern const ArrivalProcess kConstant;  // equal gaps
extern const ArrivalProcess kTrace;     // arrivals and lengths as a published trace has them

inline constexpr std::array<const ArrivalProcess*, 5> kArrivals{&kClosedLoop, &kPoisson, &kGamma,
                                                                &kConstant, &kTrace};

// "arrival": {"process": "trace", "path": …, "format": …, "speedup": …, "clip": {…}}
struct TraceSpec {
  std::string path;                     // as written
  std::filesystem::path file;           // relative to the workload's folder
  const TraceFormat* format = nullptr;  // null: told from the content
  double speedup = 1;                   // 2: twice the published request rate
  struct Clip {  // longer rows are cut to this, where the model's context is short
    std::optional<int> input_seq_len;
    std::optional<int> output_seq_len;
    bool operator==(const Clip&) const = default;
  } clip;
  bool operator==(const TraceSpec&) const = default;
};

struct ArrivalSpec {
  const ArrivalProcess* process = &kClosedLoop;
  int concurrency = 1;  // closed loop
  std::optional<double>
      rate_qps;  // requests/s; absent: the tuner looks for the highest that meets the SLOs
  double burstiness = 1;
  TraceSpec trace;
  bool is_closed() const { return process == &kClosedLoop; }
  bool operator==(const ArrivalSpec&) const = default;
};

}  // namespace paretune
