#include "profiles/speed.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "profiles/rate_search.h"
#include "profiles/warm_up.h"

namespace paretune {
namespace {

// Of the default config's highest rate: the load under which latencies are compared where the
// workload names none. Busy enough for requests to meet, low enough for slower configs to keep up.
constexpr double kOwnLoad = 0.7;

// Where no load keeps the SLO surely, the cost axis reads `fallback`.
void settle(Speed& speed, const LoadRun* best, const LoadRun& fallback, const LoadedModel& model,
            const Engine& engine, const DeployConfig& config) {
  speed.at_max_rate = best ? *best : fallback;
  speed.max_rate = best ? best->request_rate : 0;
  speed.weight_bytes = model.model->weight_bytes();
  const EngineStats stats = engine.stats();
  speed.kv_bytes = stats.kv_bytes;
  // Prefixes stay until the cache is full, which takes longer than a trial.
  if (config.prefix_caching && stats.kv_capacity_bytes > stats.kv_bytes)
    speed.peak_memory_bytes = stats.kv_capacity_bytes - stats.kv_bytes;
}

}  // namespace

double usd_per_million_output_tokens(double usd_per_hour, double output_tokens_per_s) {
  return usd_per_hour / 3600 / std::max(output_tokens_per_s, 1e-9) * 1e6;
}

Speed measure_speed(const LoadedModel& model, const DeployConfig& config, const Workload& workload,
                    std::uint64_t seed, std::span<const std::int32_t> vocabulary, Clock& clock,
                    int rate_steps) {
  const std::unique_ptr<Engine> engine = model.engine(config);
  warm_up(*engine, vocabulary, clock);
  const auto run = [&](const LoadLevel& level, bool stop_when_missed) {
    return run_load(*engine, workload, level, seed, vocabulary, clock, stop_when_missed);
  };
  const bool closed = workload.arrival.is_closed();
  const std::optional<LoadLevel> own = workload_level(workload);

  Speed speed;
  std::vector<LoadRun>& tried = speed.rate_search;
  const auto bracket = [&] { return bracket_rate(tried, workload.slo, closed); };
  if (closed) {
    // More requests in flight than the batch holds only wait.
    const int most = config.max_batch_size;
    const auto try_concurrency = [&](int n) { tried.push_back(run({.concurrency = n}, true)); };
    speed.at_workload = tried.emplace_back(run(*own, false));
    if (most > own->concurrency && bracket().kept > 0) try_concurrency(most);
    for (int step = 0; step < rate_steps; ++step) {
      const RateBracket now = bracket();
      const int low = static_cast<int>(now.kept),
                high = static_cast<int>(std::min(now.missed, most + 1.0));
      if (high - low <= 1) break;
      try_concurrency((low + high) / 2);
    }
  } else {
    LoadRun saturated = run({.concurrency = 2 * config.max_batch_size}, false);
    // Where nothing limits the queue, capacity is the highest rate.
    const bool limited = !workload.slo.bounds.empty() || workload.slo.attainment_fraction;
    if (!limited) tried.push_back(saturated);
    if (own) speed.at_workload = tried.emplace_back(run(*own, false));
    // Neighbours on the machine only ever slow a run down, and runs are short.
    if (limited && rate_steps > 1) {
      LoadRun again = run({.concurrency = 2 * config.max_batch_size}, false);
      if (again.request_rate > saturated.request_rate) saturated = std::move(again);
    }
    const double ceiling = saturated.request_rate;
    for (int step = 0; limited && step < rate_steps; ++step) {
      const RateBracket now = bracket();
      const double low = now.kept, high = std::min(now.missed, ceiling);
      if (high - low < 0.02 * ceiling) break;
      // SLOs bind near saturation: look at the upper half first.
      const double rate = step == 0 ? std::max(0.85 * high, (low + high) / 2) : (low + high) / 2;
      tried.push_back(run({.rate = rate}, true));
    }
    if (!own) {
      // A load that the study then holds every config to.
      const double highest = bracket().kept;
      speed.at_workload =
          tried.emplace_back(run({.rate = kOwnLoad * (highest > 0 ? highest : ceiling)}, false));
    }
  }
  settle(speed, bracket().best, speed.at_workload, model, *engine, config);
  return speed;
}

int counted_requests(const Workload& workload, double rate) {
  if (workload.arrival.process == &kTrace) return workload.num_requests;
  const double seconds = std::clamp(60 * workload.budget.minutes / 90, 1.0, 5.0);
  return std::max(workload.num_requests, static_cast<int>(std::ceil(rate * seconds)));
}

Speed measure_speed_at(const LoadedModel& model, const DeployConfig& config,
                       const Workload& workload, double level, std::uint64_t seed, bool own_load,
                       std::span<const std::int32_t> vocabulary, Clock& clock) {
  const std::unique_ptr<Engine> engine = model.engine(config);
  warm_up(*engine, vocabulary, clock);
  const auto run = [&](const LoadLevel& l) {
    Workload lasting = workload;
    if (l.rate) lasting.num_requests = counted_requests(workload, *l.rate);
    return run_load(*engine, lasting, l, seed, vocabulary, clock);
  };
  Speed speed;
  const bool closed = workload.arrival.is_closed();
  speed.rate_search.push_back(
      run(closed ? LoadLevel{.concurrency = static_cast<int>(level)} : LoadLevel{.rate = level}));
  const std::optional<LoadLevel> own = own_load ? workload_level(workload) : std::nullopt;
  speed.at_workload = own ? run(*own) : speed.rate_search.front();
  const LoadRun& at_level = speed.rate_search.front();
  settle(speed, at_level.meets_slo ? &at_level : nullptr, at_level, model, *engine, config);
  return speed;
}

void price(Speed& speed, double usd_per_hour) {
  const LoadRun& run = speed.at_max_rate;
  // t quantile of 7 degrees of freedom: the standard error comes from eight parts of the run.
  const double spread = 2.365 * run.output_tokens_standard_error;
  const double rate = run.output_tokens_per_s;
  const auto usd = [&](double tokens_per_s) {
    return usd_per_million_output_tokens(usd_per_hour, std::max(tokens_per_s, 1e-9 * rate));
  };
  speed.usd_per_million_output_tokens = usd(rate);
  speed.cost = {usd(rate), usd(rate + spread), usd(rate - spread)};
}

std::vector<std::int32_t> ordinary_tokens(const Tokenizer& tokenizer) {
  std::vector<std::int32_t> ids;
  for (int id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_control(id) && !tokenizer.is_end_of_generation(id)) ids.push_back(id);
  }
  return ids;
}

std::uint64_t peak_memory_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

}  // namespace paretune
