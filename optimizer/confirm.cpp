#include "optimizer/confirm.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "optimizer/drift.h"
#include "optimizer/expected.h"
#include "optimizer/judge.h"
#include "optimizer/trials.h"
#include "profiles/rate_search.h"
#include "profiles/speed.h"

namespace paretune {
namespace {

constexpr std::uint64_t kSeedOffset = 500'000'003;  // from the search's seed; not verification's

// The default before all, then the cheapest by expectation that has only the search's numbers.
Trial* next(Study& study) {
  const auto wanted = [&](int id) -> Trial* {
    Trial& trial = study.trials[static_cast<std::size_t>(id)];
    return trial.feasible && !trial.searched ? &trial : nullptr;
  };
  if (Trial* const base = wanted(0)) return base;
  for (const int id : promising(study)) {
    if (Trial* const trial = wanted(id)) return trial;
  }
  return nullptr;
}

// What the fresh run says of speed; the search's rates and canary stay in the record. It lasts
// longer than the search's runs and may hold more of the cache at a time.
void take(Trial& trial, const Measurement& fresh, const Trial& base) {
  trial.searched = trial.objectives;
  trial.slowdown = slowdown(fresh.speed.canary_s, base.measurement.speed.canary_s);
  Speed& speed = trial.measurement.speed;
  speed.at_workload = fresh.speed.at_workload;
  speed.at_max_rate = fresh.speed.at_max_rate;
  speed.peak_memory_bytes = std::max(speed.peak_memory_bytes, fresh.speed.peak_memory_bytes);
  speed.max_rate = fresh.speed.max_rate;
  speed.usd_per_million_output_tokens = fresh.speed.usd_per_million_output_tokens;
  speed.cost = fresh.speed.cost;
}

// No rate above the workload's own held; that one ran beside the last of them.
void take_own_load(Speed& speed, const Workload& workload) {
  if (!speed.at_workload.meets_slo) return;
  speed.at_max_rate = speed.at_workload;
  speed.max_rate = speed.at_workload.request_rate;
  price(speed, workload.cost.usd_per_hour);
}

}  // namespace

double level_of(const Trial& trial, const Workload& workload) {
  return load_of(trial.measurement.speed.at_max_rate, workload.arrival.is_closed());
}

double level_to_verify(const Trial& base, const Workload& workload) {
  const bool closed = workload.arrival.is_closed();
  const LoadRun* const searched =
      bracket_rate(base.measurement.speed.rate_search, workload.slo, closed).best;
  const double confirmed = level_of(base, workload);
  return searched ? std::max(confirmed, lower_level(load_of(*searched, closed), workload))
                  : confirmed;
}

double lower_level(double level, const Workload& workload) {
  const bool closed = workload.arrival.is_closed();
  const double lower = closed ? std::floor(level * kLevelStep) : level * kLevelStep;
  return lower < (closed ? 1 : 1e-6) ? 0 : lower;
}

double higher_level(double level, const Workload& workload) {
  return workload.arrival.is_closed() ? 0 : level / kLevelStep;
}

double level_after_miss(double level, const LoadRun& missed, bool late, const Workload& workload) {
  const bool open = !workload.arrival.is_closed();
  const double served = open && missed.saturated ? missed.request_rate : level;
  const double next = lower_level(level, workload);
  const double after = late || next > served ? lower_level(next, workload) : 0;
  if (after == 0) return next;
  return late && served > 0 ? std::min(after, served) : after;
}

bool confirm(Study& study, const Workload& rated, Profiler& profiler, Clock& clock,
             double timeout_s, double budget_s, TuneObserver& observer,
             const std::atomic<bool>& stop) {
  const double deadline = clock.now() + budget_s;
  double last_s = 0;
  while (Trial* const trial = next(study)) {
    const double begin = clock.now();
    if (begin + std::max(last_s, fresh_run_seconds(*trial, rated, 2)) > deadline) break;
    observer.phase("measuring config " + std::to_string(trial->id) +
                   " of the front again, on fresh requests");
    std::optional<Measurement> fresh;
    double level = level_of(*trial, rated);
    for (int step = 0; step <= kLevelSteps && level > 0; ++step) {
      if (stop.load()) return false;
      const Profiled profiled =
          profiler.verify(trial->config, rated, level, study.workload.seed + kSeedOffset, timeout_s,
                          {.own_load = true});
      if (profiled.interrupted) return false;
      if (profiled.measurement.outcome != Outcome::ok) break;
      fresh = profiled.measurement;
      Trial again = *trial;
      take(again, *fresh, study.trials.front());
      judge_trial(again, rated);
      if (again.feasible) break;
      level = level_after_miss(level, fresh->speed.at_max_rate, clock.now() > deadline, rated);
    }
    if (fresh) {
      if (fresh->speed.max_rate == 0) take_own_load(fresh->speed, rated);
      take(*trial, *fresh, study.trials.front());
      judge_trial(*trial, rated);
    } else {
      trial->searched = trial->objectives;
      trial->feasible = false;
      trial->violations = {"failed when it was measured again"};
    }
    conclude(study);
    last_s = clock.now() - begin;
  }
  return true;
}

}  // namespace paretune
