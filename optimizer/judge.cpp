#include "optimizer/judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>

#include "optimizer/front_volume.h"
#include "optimizer/intervals.h"
#include "optimizer/knob_effects.h"
#include "optimizer/limit_prices.h"
#include "profiles/rate_search.h"
#include "search/pareto.h"

namespace paretune {
namespace {

// Adds "<what>: <found> > <limit>" where it is.
void at_most(std::vector<std::string>& violations, const std::string& what, double found,
             double limit) {
  if (found > limit)
    violations.push_back(what + ": " + limit_number(found) + " > " + limit_number(limit));
}
void at_least(std::vector<std::string>& violations, const std::string& what, double found,
              double limit) {
  if (found < limit)
    violations.push_back(what + ": " + limit_number(found) + " < " + limit_number(limit));
}

// Explains another violation, so it has no weight of its own.
constexpr std::string_view kFault = "fault: ";

constexpr double kLikely = 0.8416;  // standard errors: one-sided 80 %

void check_quality(std::vector<std::string>& violations, const Quality& q, const QualityFloors& f) {
  if (f.max_kl_divergence)
    at_most(violations, "KL divergence", q.kl_divergence, *f.max_kl_divergence);
  const double limit = f.max_kl_divergence.value_or(kDefaultMaxKl);
  if (q.kl_added_by_decoding - kLikely * q.kl_added_by_decoding_standard_error > limit)
    at_most(violations, "KL divergence added by decoding", q.kl_added_by_decoding, limit);
  if (!q.fault.empty()) violations.push_back(std::string(kFault) + q.fault);
  if (f.min_same_top1_fraction)
    at_least(violations, "same top-1", q.same_top1_fraction, *f.min_same_top1_fraction);
  if (f.max_perplexity_ratio)
    at_most(violations, "perplexity ratio", q.perplexity_ratio, *f.max_perplexity_ratio);
  if (f.min_accuracy) at_least(violations, "accuracy", q.accuracy, *f.min_accuracy);
  for (const Capability& c : q.capabilities) {
    const auto own = f.capabilities.find(c.name);
    const CapabilityFloor floor = own == f.capabilities.end() ? CapabilityFloor{} : own->second;
    if (floor.min_accuracy)
      at_least(violations, "accuracy of " + c.name, c.accuracy, *floor.min_accuracy);
    const std::optional<double> drop = floor.max_drop ? floor.max_drop : f.max_drop;
    // A trial's few questions decide only what they can; the pick is tested on more (gate.h).
    if (drop && c.drop - kLikely * c.drop_standard_error > *drop)
      at_most(violations, "accuracy lost on " + c.name, c.reference_accuracy - c.accuracy, *drop);
  }
}

// How far the first number of "what: found > limit" is from the second, as a ratio >= 1.
double excess(const std::string& violation) {
  double found = 0, limit = 0;
  const auto colon = violation.rfind(": ");
  if (colon == std::string::npos) return 2;
  if (std::sscanf(violation.c_str() + colon + 2, "%lf > %lf", &found, &limit) == 2 && limit > 0)
    return found / limit;
  if (std::sscanf(violation.c_str() + colon + 2, "%lf < %lf", &found, &limit) == 2 && found > 0)
    return limit / found;
  return 2;
}

// "what" of "what: found > limit".
std::string limit_name(const std::string& violation) {
  return violation.substr(0, violation.rfind(": "));
}

// Sum of log excesses: how far a trial is from meeting everything.
double distance(const Trial& trial) {
  double sum = 0;
  for (const std::string& violation : trial.violations) {
    if (!violation.starts_with(kFault)) sum += std::log(std::max(1.0, excess(violation)));
  }
  return sum;
}

// sound: of the front, by cost, what the gate did not refuse.
std::optional<Pick> recommended(const Study& study, std::span<const int> sound) {
  const auto pick = [](int id, std::string reason) {
    return Pick{"recommended", id, std::move(reason)};
  };
  const Verification& v = study.verification;
  if (v.done) {
    if (!v.held()) return std::nullopt;  // the last that was tried
    const bool cheapest = !sound.empty() && v.trial == sound.front();
    return pick(v.trial, cheapest       ? "the cheapest that meets every limit"
                         : v.trial == 0 ? "nothing cheaper held up when it was measured again"
                                        : "the cheapest that held up when it was measured again");
  }
  if (study.gates.empty() && !sound.empty())
    return pick(sound.front(), "the cheapest that meets every limit; not tested further");
  for (const int id : sound) {
    const GateResult* const gate = gate_of(study, id);
    if (gate && gate->verdict == GateVerdict::passed)
      return pick(id, "the cheapest that passed the quality gate; not launched again");
  }
  if (trial_of(study, 0).feasible && !fails_gate(study, 0))
    return pick(0, "nothing cheaper passed the quality gate");
  return std::nullopt;
}

}  // namespace

void judge_trial(Trial& trial, const Workload& workload) {
  trial.violations.clear();
  trial.feasible = false;
  const Measurement& m = trial.measurement;
  if (m.outcome != Outcome::ok) return;
  const auto percentile = index_of(workload.objective.percentile);
  trial.objectives = {
      .usd_per_million_output_tokens = m.speed.usd_per_million_output_tokens,
      .latency_ms =
          m.speed.at_workload.latency.of(*workload.objective.metric).percentiles[percentile].value,
      .kl_divergence = std::max(0.0, m.quality.kl_divergence)};
  if (workload_limits(workload) && m.speed.max_rate == 0) {
    std::string missed = m.speed.at_workload.missed;
    if (missed.empty()) missed = unsure_limit(m.speed.at_workload, workload.slo);
    trial.violations.push_back(missed.empty() ? "SLO: no load meets it" : missed);
  } else if (!m.speed.at_workload.meets_slo) {
    trial.violations.push_back(m.speed.at_workload.missed);
  }
  check_quality(trial.violations, m.quality, floors_of(workload));
  trial.feasible = trial.violations.empty();
}

QualityFloors floors_of(const Workload& workload) {
  QualityFloors floors = workload.quality.floors;
  if (!floors.max_kl_divergence) floors.max_kl_divergence = kDefaultMaxKl;
  if (!floors.max_drop) floors.max_drop = kDefaultMaxDrop;
  return floors;
}

bool workload_limits(const Workload& workload) {
  return !workload.slo.bounds.empty() || workload.slo.attainment_fraction.has_value();
}

Scores raw_scores(const Objectives& o) {
  return {o.usd_per_million_output_tokens, o.latency_ms, o.kl_divergence};
}

std::string limit_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

double distance_to_limits(const Trial& trial) { return distance(trial); }

std::optional<Judged> search_scores(const Trial& trial) {
  if (trial.measurement.outcome != Outcome::ok) return std::nullopt;
  return Judged({std::log(std::max(trial.objectives.usd_per_million_output_tokens, 1e-12)),
                 std::log(std::max(trial.objectives.latency_ms, 1e-12)),
                 std::log(trial.objectives.kl_divergence + 1e-6)},
                trial.feasible ? 0 : 1 + 10 * distance(trial));
}

std::vector<Pick> make_picks(const Study& study) {
  std::vector<Pick> picks;
  if (study.front.empty()) return picks;
  std::vector<int> sound;  // of the front, by cost
  std::ranges::copy_if(study.front, std::back_inserter(sound),
                       [&](int id) { return !fails_gate(study, id); });
  const auto least = [&](auto value) {
    return *std::ranges::min_element(sound, {},
                                     [&](int id) { return value(trial_of(study, id).objectives); });
  };
  const auto cost = [](const Objectives& o) {
    return std::tuple(o.usd_per_million_output_tokens, o.latency_ms);
  };
  const auto latency = [](const Objectives& o) {
    return std::tuple(o.latency_ms, o.usd_per_million_output_tokens);
  };
  const auto loss = [](const Objectives& o) {
    return std::tuple(o.kl_divergence, o.usd_per_million_output_tokens);
  };
  std::vector<Scores> logs;
  for (const int id : sound) logs.push_back(search_scores(trial_of(study, id))->scores);

  if (study.feasible) {
    if (std::optional<Pick> pick = recommended(study, sound)) picks.push_back(std::move(*pick));
    // Of these only what was tested on fresh questions may be deployed without more ado.
    const auto add = [&](std::string name, int id, std::string reason) {
      const GateResult* const gate = gate_of(study, id);
      if (!gate || gate->verdict != GateVerdict::passed)
        reason += "; the quality gate has not passed it";
      picks.push_back({std::move(name), id, std::move(reason)});
    };
    if (!sound.empty()) {
      add("cheapest", least(cost), "the lowest cost of those that meet every limit");
      add("fastest", least(latency), "the lowest " + study.latency_objective);
      add("best_quality", least(loss), "the lowest KL divergence, the cheapest of equals");
      add("knee", sound[knee_point(logs)], "nearest to the best of all three axes at once");
    }
  } else {
    // Nothing meets the limits: the nearest, by the sum of the logarithms of all excesses.
    const Trial* nearest = nullptr;
    for (const Trial& trial : study.trials) {
      if (trial.measurement.outcome != Outcome::ok) continue;
      if (!nearest || distance(trial) < distance(*nearest)) nearest = &trial;
    }
    std::string why = "the nearest to meeting every limit";
    for (const std::string& violation : nearest->violations)
      why += (&violation == nearest->violations.data() ? "; it misses " : ", ") + violation;
    picks.push_back({"nearest", nearest->id, why});
  }
  if (study.trials[0].measurement.outcome == Outcome::ok) {
    picks.push_back({"default", 0, "what one would start with, untuned"});
  }
  return picks;
}

void conclude(Study& study) {
  study.feasible = std::ranges::any_of(study.trials, &Trial::feasible);
  std::vector<int> candidates;
  std::vector<Scores> scores;
  for (Trial& trial : study.trials) {
    trial.on_front = false;
    if (!is_candidate(study, trial)) continue;
    candidates.push_back(trial.id);
    scores.push_back(raw_scores(trial.objectives));
  }
  study.front.clear();
  for (const std::size_t i : pareto_front(scores)) {
    study.trials[static_cast<std::size_t>(candidates[i])].on_front = true;
    study.front.push_back(candidates[i]);
  }
  std::ranges::sort(study.front, {}, [&](int id) {
    return std::pair(trial_of(study, id).objectives.usd_per_million_output_tokens, id);
  });

  study.binding_constraint.clear();
  if (!study.feasible) {
    // The limit that keeps most trials out; its nearest miss is what a user would have to allow.
    std::map<std::string, int> missed;
    std::map<std::string, std::string> nearest;
    for (const Trial& trial : study.trials) {
      for (const std::string& violation : trial.violations) {
        const std::string name = limit_name(violation);
        ++missed[name];
        std::string& best = nearest[name];
        if (best.empty() || excess(violation) < excess(best)) best = violation;
      }
    }
    const auto worst =
        std::ranges::max_element(missed, {}, [](const auto& entry) { return entry.second; });
    if (worst != missed.end()) {
      study.binding_constraint = worst->first + " is missed by " + std::to_string(worst->second) +
                                 " of " + std::to_string(candidates.size()) +
                                 " configs; the nearest: " + nearest[worst->first];
    }
  }
  if (!study.trials.empty()) trace_progress(study);
  study.picks = make_picks(study);
  study.ties = ties_of(study);
  study.prices = limit_prices(study);
  study.effects = knob_effects(study);
}

}  // namespace paretune
