#include "optimizer/verify.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "optimizer/confirm.h"
#include "optimizer/expected.h"
#include "optimizer/judge.h"
#include "optimizer/paired.h"
#include "optimizer/race.h"
#include "optimizer/trials.h"

namespace paretune {
namespace {

constexpr int kCandidates = 3, kRunners = 4;
// Fresh request streams, each of which runs both configs, until the interval of their ratio is this
// narrow or time is up: stopping by that and not by where it lies leaves its coverage alone.
constexpr int kMostBlocks = 6;
constexpr double kPrecise = 1.25;
// The one where the candidate also runs the workload's own load and has its quality measured anew;
// the others are for the cost and the highest rate alone. Levels that do not hold are most often
// given up before it.
constexpr int kOwnLoadBlock = kFewestBlocks - 1;
constexpr int kRaises = 8;  // at most, of either rate, before they are compared
constexpr int kAttempts =
    kLevelSteps + kRaises;  // to compare them, one rate or both lower each time
constexpr std::uint64_t kSeedStride = 1'000'003;  // from the search's seed to those of verification

// What is compared and promised: name with unit, value.
std::vector<std::pair<std::string, double>> promises(const Trial& trial,
                                                     const std::string& latency_objective) {
  const Measurement& m = trial.measurement;
  return {{"usd_per_million_output_tokens", trial.objectives.usd_per_million_output_tokens},
          {latency_objective, trial.objectives.latency_ms},
          {"requests_per_s", m.speed.at_max_rate.request_rate},
          {"output_tokens_per_s", m.speed.at_max_rate.output_tokens_per_s},
          {"kl_divergence", trial.objectives.kl_divergence},
          {"accuracy", m.quality.accuracy},
          {"peak_memory_bytes", static_cast<double>(m.speed.peak_memory_bytes)}};
}

struct Verified {
  std::vector<Trial> blocks;  // judged
  bool meets_slo() const {
    return std::ranges::all_of(blocks, [](const Trial& t) { return t.feasible; });
  }
  bool own_load() const { return blocks.size() > kOwnLoadBlock; }
  // The one that ran the workload's own load, else the last.
  const Trial& fullest() const { return own_load() ? blocks[kOwnLoadBlock] : blocks.back(); }
};

Estimate cost_ratio_of(const Verified& a, const Verified& b) {
  std::vector<std::pair<double, double>> pairs;
  for (std::size_t i = 0; i < a.blocks.size(); ++i) {
    pairs.emplace_back(a.blocks[i].objectives.usd_per_million_output_tokens,
                       b.blocks[i].objectives.usd_per_million_output_tokens);
  }
  return cost_ratio(pairs);
}

class Verifier {
 public:
  Verifier(Study& study, const Workload& rated, Profiler& profiler, Clock& clock, double timeout_s,
           double deadline, const std::atomic<bool>& stop)
      : study_(study),
        rated_(rated),
        profiler_(profiler),
        clock_(clock),
        timeout_s_(timeout_s),
        deadline_(deadline),
        stop_(stop) {}

  // nullopt: interrupted.
  std::optional<Trial> run(const Trial& trial, double level, int block, bool candidate) {
    if (stop_.load()) return std::nullopt;
    const bool all = block == kOwnLoadBlock && candidate;
    const double begin = clock_.now();
    const Profiled profiled = profiler_.verify(trial.config, rated_, level, seed(block), timeout_s_,
                                               {.own_load = all, .fresh_quality = all});
    if (profiled.interrupted) return std::nullopt;
    seconds_ += clock_.now() - begin;
    ++runs_;
    Trial again{.id = trial.id, .config = trial.config, .measurement = profiled.measurement};
    judge_trial(again, rated_);
    return again;
  }
  std::uint64_t seed(int block) const {
    return study_.workload.seed + kSeedStride * static_cast<std::uint64_t>(1 + block);
  }

  // Both configs on the same fresh streams, in the order A B, B A. lower_base: the default's level
  // may be lowered, so that a run which misses says all. False: interrupted.
  bool compare(const Trial& candidate, double level, const Trial& base, double base_level,
               bool lower_base, Verified& a, Verified& b) {
    for (int block = 0; block < kMostBlocks; ++block) {
      if (block >= kFewestBlocks) {
        const Estimate ratio = cost_ratio_of(a, b);
        if (candidate.id == base.id || ratio.high < kPrecise * ratio.low) break;
        if (!time_for(2)) break;
      }
      std::optional<Trial> first, second;
      if (candidate.id == base.id) {
        first = second = run(candidate, level, block, true);
      } else if (block % 2 == 0) {
        first = run(candidate, level, block, true);
        second = run(base, base_level, block, false);
      } else {
        second = run(base, base_level, block, false);
        first = run(candidate, level, block, true);
      }
      if (!first || !second) return false;
      a.blocks.push_back(std::move(*first));
      b.blocks.push_back(std::move(*second));
      if (!a.meets_slo() || (lower_base && !b.meets_slo())) break;  // these levels are lost already
    }
    return true;
  }

  // of: of the two, or of the default alone.
  double lower(double level, const Trial& missed, const Trial& of) const {
    return level_after_miss(level, missed.measurement.speed.at_max_rate,
                            !time_for(of.id == 0 ? kFewestBlocks : kFewestRuns), rated_);
  }

  // Where it leaves so many seconds for the quality gate, too. nullopt: interrupted.
  std::optional<Served> race_of(std::span<const int> runners, double gate_s,
                                TuneObserver& observer) {
    bool told = false;
    return race(study_, rated_, runners, kFewestRunsAfter, clock_, deadline_ - gate_s,
                [&](const Trial& runner, double rate, int heat) {
                  if (!std::exchange(told, true)) {
                    observer.phase(
                        "running what is likely to cost least beside the default, all on the same "
                        "requests");
                  }
                  return run(runner, rate, kMostBlocks + kRaises + heat, false);
                });
  }

  // Raises both loads, in turn, as far as single fresh streams bear it and time allows: they were
  // found in few short runs, one of them perhaps in a bad moment of the machine. False:
  // interrupted.
  bool raise(const Trial& candidate, double& level, const Trial& base, double& base_level) {
    struct {
      const Trial& trial;
      double& level;
      bool rising;
    } both[] = {{candidate, level, true}, {base, base_level, base.feasible}};
    double last_s =
        (fresh_run_seconds(candidate, rated_, 1) + fresh_run_seconds(base, rated_, 1)) / 2;
    for (int i = 0; i < kRaises && (both[0].rising || both[1].rising); ++i) {
      for (auto& one : both) {
        const double higher = higher_level(one.level, rated_), begin = clock_.now();
        one.rising = one.rising && higher > 0 && begin + last_s * (1 + kRunsAfter) < deadline_;
        if (!one.rising) continue;
        const std::optional<Trial> again = run(one.trial, higher, kMostBlocks + i, false);
        if (!again) return false;
        last_s = clock_.now() - begin;
        one.rising = again->feasible;
        if (one.rising) one.level = higher;
      }
    }
    return true;
  }

 private:
  // By the runs so far.
  bool time_for(int runs) const {
    return clock_.now() + runs * (runs_ > 0 ? seconds_ / runs_ : 0) <= deadline_;
  }

  // The least that makes an answer: both in every block, the candidate at the workload's own load.
  static constexpr int kFewestRuns = 2 * kFewestBlocks + 1;
  // What is compared afterwards needs its time too, at the workload's own load as well, and perhaps
  // again at a lower level.
  static constexpr int kRunsAfter = kFewestRuns + 2 * kFewestBlocks;
  // And a rate raised once.
  static constexpr int kFewestRunsAfter = kFewestRuns + 2;

  Study& study_;
  const Workload& rated_;
  Profiler& profiler_;
  Clock& clock_;
  double timeout_s_, deadline_;
  double seconds_ = 0;  // of the runs so far
  int runs_ = 0;
  const std::atomic<bool>& stop_;
};

// Means over the blocks beside what the search promised. The latency is that of the block where the
// workload's own load ran, and is left out where none came so far.
void report(Verification& verification, const Trial& promised, const Verified& verified,
            const std::string& latency_objective) {
  verification.metrics.clear();
  for (const auto& [name, value] : promises(promised, latency_objective)) {
    verification.metrics.push_back({.name = name, .promised = value});
  }
  for (const Trial& block : verified.blocks) {
    const auto values = promises(block, latency_objective);
    for (std::size_t i = 0; i < values.size(); ++i) {
      verification.metrics[i].verified +=
          values[i].second / static_cast<double>(verified.blocks.size());
    }
  }
  const auto latency =
      std::ranges::find(verification.metrics, latency_objective, &VerifiedMetric::name);
  if (verified.own_load()) {
    latency->verified = verified.fullest().objectives.latency_ms;
  } else {
    verification.metrics.erase(latency);
  }
}

GateMargins margins_of(const Workload& workload) {
  const QualityFloors floors = floors_of(workload);
  GateMargins margins{.every = floors.max_drop};
  for (const auto& [name, floor] : floors.capabilities) {
    if (floor.max_drop) margins.named[name] = *floor.max_drop;
  }
  return margins;
}

// Of all gates together: above what the search leaves for them, as nothing ships without.
double gate_budget_s(const Workload& workload) {
  return std::max(15.0, 0.2 * 60 * workload.budget.minutes);
}

std::string percent(double ratio) {
  return std::to_string(static_cast<int>(std::lround(100 * std::abs(ratio)))) + " %";
}

// Fills study.gates and study.verification.
void launch(Study& study, const Workload& rated, Profiler& profiler, Clock& clock, double timeout_s,
            double deadline, TuneObserver& observer, const std::atomic<bool>& stop) {
  Verifier verifier(study, rated, profiler, clock, timeout_s, deadline, stop);
  Verification& out = study.verification;
  const Trial& base = study.trials.front();
  std::vector<int> candidates = cheapest(study, kRunners);
  const std::optional<Served> served = verifier.race_of(
      candidates, expected_gate_seconds(study.workload, mean_trial_seconds(study)), observer);
  if (!served) {
    out.verdict = "not verified: interrupted";
    return;
  }
  order_by_served(candidates, *served);
  for (const int id : promising(study))
    if (id != 0 && std::ranges::find(candidates, id) == candidates.end()) candidates.push_back(id);
  if (base.feasible) candidates.push_back(0);
  const GateMargins margins = margins_of(study.workload);
  double gate_s = gate_budget_s(study.workload);
  int launched = 0;
  out.verdict = "no config passes the quality gate";

  for (const int id : candidates) {
    const Trial& candidate = trial_of(study, id);
    if (launched >= kCandidates && id != 0) continue;
    const std::string before = launched > 0 ? out.verdict + "; " : "";
    // What the text leaves open needs no questions.
    const auto max_kl = floors_of(study.workload).max_kl_divergence;
    if (const auto open = id != 0 && max_kl ? unproven_text(candidate.measurement.quality, *max_kl)
                                            : std::nullopt) {
      study.gates.push_back({id, {.verdict = GateVerdict::undecided, .reason = *open}});
      out.verdict = before + "config " + std::to_string(id) + " is not let through: " + *open;
      continue;
    }
    observer.phase("testing the quality of config " + std::to_string(id) + " on fresh questions");
    const double gate_begin = clock.now();
    const std::optional<GateResult> gate =
        profiler.gate(candidate.config, margins, candidate.measurement.quality.kl_p999, gate_s);
    gate_s = std::max(0.0, gate_s - (clock.now() - gate_begin));
    if (!gate) {
      out.verdict = "not verified: interrupted";
      return;
    }
    study.gates.push_back({id, *gate});
    if (gate->verdict == GateVerdict::failed) {
      out.verdict =
          before + "config " + std::to_string(id) + " fails the quality gate: " + gate->reason;
      continue;
    }
    // The default is what one would have anyway.
    if (gate->verdict == GateVerdict::undecided && id != 0) {
      out.verdict =
          before + "config " + std::to_string(id) + " is not let through: " + gate->reason;
      continue;
    }
    ++launched;
    // Each at the highest rate that holds on fresh streams: the default's promise may be as rash.
    // Beside each other tells more than the search's runs, each in another minute.
    double level = rate_after_race(id, level_of(candidate, rated), *served),
           base_level = rate_after_race(0, level_to_verify(base, rated), *served);
    if (id != 0) {
      observer.phase("looking for the highest rates of config " + std::to_string(id) +
                     " and the default beside each other");
      if (!verifier.raise(candidate, level, base, base_level)) {
        out.verdict = "not verified: interrupted";
        return;
      }
    }
    for (int step = 0; step <= kAttempts; ++step) {
      observer.phase("verifying config " + std::to_string(id) + " on fresh traffic" +
                     (id == 0 ? "" : ", side by side with the default"));
      Verified a, b;
      const bool lower_base =
          id != 0 && base.feasible && step < kAttempts && lower_level(base_level, rated) > 0;
      if (!verifier.compare(candidate, level, base, id == 0 ? level : base_level, lower_base, a,
                            b)) {
        out.verdict = "not verified: interrupted";
        return;
      }
      const bool base_holds = base.feasible && b.meets_slo();
      if (lower_base && !base_holds) {
        base_level = verifier.lower(base_level, b.blocks.back(), candidate);
        if (a.meets_slo()) continue;
      }
      const Estimate ratio = cost_ratio_of(a, b);
      const bool not_worse = id == 0 || !base_holds || ratio.high <= 1;
      out.done = true;
      out.trial = id;
      out.seed = verifier.seed(0);
      out.measurement = a.fullest().measurement;
      out.default_measurement = b.fullest().measurement;
      out.meets_slo = a.meets_slo();
      out.not_worse_than_default = not_worse;
      out.cost_ratio = id != 0 && base_holds ? ratio : Estimate{};
      report(out, candidate, a, study.latency_objective);
      if (out.meets_slo && not_worse) {
        out.verdict = "holds on " + std::to_string(a.blocks.size()) + " fresh streams of requests";
        if (level != level_of(candidate, rated))
          out.verdict +=
              ", at " + percent(level / level_of(candidate, rated)) + " of the promised rate";
        if (id != 0 && base_holds)
          out.verdict += "; " + percent(1 - ratio.value) +
                         " cheaper than the default measured beside it (" +
                         percent(1 - ratio.high) + (ratio.high > 1 ? " dearer" : "") + " to " +
                         percent(1 - ratio.low) + " cheaper, 90 %)";
        if (!base_holds) out.verdict += "; the default does not meet the limits";
        if (gate->verdict == GateVerdict::undecided)
          out.verdict += "; its quality is " + gate->reason;
        for (const std::string& name : gate->unasked)
          out.verdict += "; " + name + " was not asked: no question fits the model's context";
        return;
      }
      // Where it missed the SLO the pairs were cut short and say little of its cost.
      if (out.meets_slo && !not_worse) {
        out.verdict = "is not proven to cost less than the default measured beside it";
        break;  // a lower rate costs more still
      }
      out.verdict = a.blocks.back().violations.empty()
                        ? "failed when it was measured again"
                        : "missed " + a.blocks.back().violations.front();
      level = verifier.lower(level, a.blocks.back(), candidate);
      if (level == 0) break;
    }
  }
  out.verdict = (launched == 0 ? "nothing was let through by the quality gate; the last: "
                               : "no candidate held when it was measured again; the last: ") +
                out.verdict;
}

}  // namespace

double expected_gate_seconds(const Workload& workload, double trial_s) {
  constexpr double kTrials = 1.5, kShare = 0.15;
  return std::min(kTrials * trial_s, kShare * 60 * workload.budget.minutes);
}

void verify(Study& study, const Workload& rated, Profiler& profiler, Clock& clock, double timeout_s,
            double deadline, TuneObserver& observer, const std::atomic<bool>& stop) {
  launch(study, rated, profiler, clock, timeout_s, deadline, observer, stop);
  study.picks = make_picks(study);
}

}  // namespace paretune
