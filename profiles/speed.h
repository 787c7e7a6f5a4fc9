// The speed of one config under one workload: latency at the workload's own load, the highest rate
// that meets the SLOs, and what a token costs at that rate.
#pragma once

#include <cstdint>
#include <span>

#include "profiles/load_run.h"
#include "profiles/measurement.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {

// usd_per_hour / 3600 / output_tokens_per_s * 1e6
double usd_per_million_output_tokens(double usd_per_hour, double output_tokens_per_s);

// Everything but prices, and load_s and peak memory, which belong to the process. Loads are tried
// in this order: saturation (the engine never without a waiting request), which bounds the rate
// from above; the workload's own; then `rate_steps` of a bisection between them (rate_search.h says
// which loads keep the SLO). The workload's arrival process says what a load is: a request rate, or
// requests in flight. Where the workload leaves the rate open, its own load is 0.7 of the highest
// rate found.
Speed measure_speed(const LoadedModel& model, const DeployConfig& config, const Workload& workload,
                    std::uint64_t seed, std::span<const std::int32_t> vocabulary, Clock& clock,
                    int rate_steps = 2);

// How many requests a run counts whose speed is promised: those of the workload or, so that a load
// which is too high has time to show and a hiccup of the machine is no verdict, as many as arrive
// in a ninetieth of the budget, of 1 to 5 s. Traces are played as they are.
int counted_requests(const Workload& workload, double rate);

// The same at a level found before (requests/s, or requests in flight in a closed loop) and with no
// search: that level and, if asked, the workload's own load, each run once, of counted_requests.
Speed measure_speed_at(const LoadedModel& model, const DeployConfig& config,
                       const Workload& workload, double level, std::uint64_t seed, bool own_load,
                       std::span<const std::int32_t> vocabulary, Clock& clock);

// Fills what tokens cost, from the run at the highest rate. A price is not measured: measurements
// are kept without one.
void price(Speed& speed, double usd_per_hour);

// The ids that prompts of load tests are made of: ordinary tokens, no control tokens.
std::vector<std::int32_t> ordinary_tokens(const Tokenizer& tokenizer);

// The largest resident set of this process so far, in bytes.
std::uint64_t peak_memory_bytes();

}  // namespace paretune
