// One run of the engine under one stream of requests, as clients would see it.
//
// Open loop: a request arrives at its time whether or not others have finished, so queueing counts.
// Closed loop: a fixed number of requests is in flight. The first `warmup` requests are served and
// not counted, and the load goes on after the last counted request has arrived, until the last
// counted one has finished: no request is measured in an emptying engine.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "profiles/clock.h"
#include "profiles/measurement.h"
#include "runtime/engine/engine.h"
#include "workloads/requests.h"
#include "workloads/workload.h"

namespace paretune {

// A load to put on the engine: either a request rate or a number of requests in flight.
struct LoadLevel {
  std::optional<double> rate;  // requests/s
  int concurrency = 0;         // where there is no rate
};

// The workload's own load; nullopt where it leaves the rate to the tuner.
std::optional<LoadLevel> workload_level(const Workload& workload);

struct RequestTimes {
  double arrival = 0, first = 0, last = 0;  // seconds since the run began
  std::vector<double> gaps_ms;              // between its tokens
  int output_tokens = 0;
};

// Runs workload.num_requests counted requests drawn with `seed`; prompts are of ordinary tokens
// (`vocabulary`). Every config of a study sees the same requests for the same seed, only arrival
// times scale with the rate. stop_when_missed: ends as soon as so many requests are beyond a limit
// that no outcome of the others can keep the SLO; the run is then judged by those that finished.
// finished: gets the counted requests that did, in the order of arrival.
LoadRun run_load(Engine& engine, const Workload& workload, const LoadLevel& level,
                 std::uint64_t seed, std::span<const std::int32_t> vocabulary, Clock& clock,
                 bool stop_when_missed = false, std::vector<RequestTimes>* finished = nullptr);

// What the SLO says about a run: fills goodput, slo_attainment, meets_slo and missed.
void judge(LoadRun& run, const Slo& slo, std::span<const RequestTimes> requests);

// True if requests pile up: from the second quarter of the run to its end the queue grew by more
// than `slack`, by the slope of a line through the means of eighths of the run, and that slope is
// above 0 with 95 % (one-sided; by the eighths' spread about the line, since neighbouring arrivals
// see almost the same queue). waiting: seen by each arrival.
bool queue_grows(std::span<const double> waiting, double slack);

// True if requests that arrived within arrivals_s were not all served until drain_s after the last
// of them, and that is more than a request takes that does not wait (e2e_s) and a quarter of
// arrivals_s. Asked beside queue_grows of a trace: a burst near a run's end lets the queue grow at
// any rate.
bool backlog_remains(double arrivals_s, double drain_s, double e2e_s);

}  // namespace paretune
