#include "optimizer/constrained_pick.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <tuple>

#include "optimizer/console.h"
#include "optimizer/judge.h"

namespace paretune {
namespace {

constexpr std::string_view kOwnLimits = "the workload's own limits";

std::string with_unit(double value, const std::string& unit) {
  if (std::isnan(value)) return "nothing measured";
  return limit_number(value) + (unit.empty() ? "" : " " + unit);
}

bool ran(const Trial& trial) { return trial.measurement.outcome == Outcome::ok; }

// The best of the trials that ran and that `allowed` takes.
template <class Allowed>
std::optional<int> best_of(const Study& study, const Preference& preference, Allowed allowed) {
  const auto rank = [&](const Trial& trial) {
    const Objectives& o = trial.objectives;
    return std::tuple(o.*preference.objective, o.usd_per_million_output_tokens, o.latency_ms,
                      o.kl_divergence);
  };
  const Trial* best = nullptr;
  for (const Trial& trial : study.trials) {
    if (ran(trial) && allowed(trial) && (!best || rank(trial) < rank(*best))) best = &trial;
  }
  return best ? std::optional(best->id) : std::nullopt;
}

bool holds(const Requirement& requirement, const Trial& trial) {
  return requirement.holds(requirement.value(trial));
}

void find_nearest(const Study& study, std::span<const Requirement> requirements, bool own_limits,
                  ConstrainedPick& out) {
  double least = 0;
  for (const Trial& trial : study.trials) {
    if (!ran(trial)) continue;
    double distance = own_limits ? distance_to_limits(trial) : 0;
    double worst = distance;
    std::string binding = distance > 0 ? trial.violations.front() : "";
    for (const Requirement& requirement : requirements) {
      const double found = requirement.value(trial);
      const double miss = std::log(requirement.excess(found));
      distance += miss;
      if (miss <= worst) continue;
      worst = miss;
      binding = requirement.text + ", it has " + with_unit(found, requirement.unit);
    }
    if (out.nearest && distance >= least) continue;
    out.nearest = trial.id;
    out.binding = binding;
    least = distance;
  }
}

std::string objectives_line(const Study& study, const Trial& trial) {
  return "$" + limit_number(trial.objectives.usd_per_million_output_tokens) + "/M tokens, " +
         study.latency_objective + " " + limit_number(trial.objectives.latency_ms) + " ms, KL " +
         limit_number(trial.objectives.kl_divergence);
}

// What a reader must know of one number before relying on it.
void add_caveats(std::string& text, const Study& study, const Requirement& r, const Trial& trial) {
  if (!r.latency) return;
  const LoadRun& own = trial.measurement.speed.at_workload;
  const Distribution& d = own.latency.of(*r.latency);
  if (r.percentile >= 0) {
    const auto i = static_cast<std::size_t>(r.percentile);
    const Estimate& e = d.percentiles[i];
    if (!d.enough(i))
      text += "    of " + std::to_string(d.samples) + " samples; so high a percentile needs " +
              std::to_string(samples_needed(kPercentiles[i].percent)) + "\n";
    if (!r.holds(e.high))
      text += "    its 95 % interval reaches " +
              (std::isfinite(e.high) ? limit_number(e.high) + " ms" : "without bound") + "\n";
  }
  // The latency axis is read at the workload's load, the cost at the highest rate that met the
  // workload's SLO: a stricter limit may not hold there.
  const Speed& speed = trial.measurement.speed;
  if (speed.max_rate <= 0 || r.side != Side::at_most || r.holds(r.value(speed.at_max_rate))) return;
  text += "    at the rate that its cost was read at (" +
          limit_number(speed.at_max_rate.request_rate) + " requests/s) it is " +
          limit_number(r.value(speed.at_max_rate)) + " ms";
  const LoadRun* best = nullptr;
  for (const LoadRun& run : speed.rate_search) {
    if (run.meets_slo && r.holds(r.value(run)) &&
        (!best || run.output_tokens_per_s > best->output_tokens_per_s))
      best = &run;
  }
  if (best && best->output_tokens_per_s > 0)
    text +=
        "; it holds up to " + limit_number(best->request_rate) + " requests/s, at $" +
        limit_number(study.workload.cost.usd_per_hour / 3600 / best->output_tokens_per_s * 1e6) +
        "/M tokens";
  text += "\n";
}

}  // namespace

const Preference& find_preference(std::string_view name) {
  std::string known;
  for (const Preference& row : kPreferences) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw std::runtime_error("--prefer: found \"" + std::string(name) + "\", allowed: " + known);
}

ConstrainedPick pick_by(const Study& study, std::span<const Requirement> requirements,
                        const Preference& preference, bool own_limits) {
  const auto best_without = [&](const Requirement* left_out, bool limits) {
    return best_of(study, preference, [&](const Trial& trial) {
      if (limits && (!trial.feasible || fails_gate(study, trial.id))) return false;
      return std::ranges::all_of(
          requirements, [&](const Requirement& r) { return &r == left_out || holds(r, trial); });
    });
  };
  ConstrainedPick out{.trial = best_without(nullptr, own_limits)};
  for (const Requirement& r : requirements)
    out.without.push_back({r.text, best_without(&r, own_limits)});
  if (own_limits) out.without.push_back({std::string(kOwnLimits), best_without(nullptr, false)});
  if (!out.trial) find_nearest(study, requirements, own_limits, out);
  if (out.nearest && out.binding.empty())
    out.binding = "the quality gate refused it; --without-limits takes it nonetheless";
  return out;
}

std::string pick_text(const Study& study, std::span<const Requirement> requirements,
                      const Preference& preference, const ConstrainedPick& pick) {
  if (!pick.trial && !pick.nearest) return "no trial of this study ran\n";
  const Trial& trial = trial_of(study, pick.trial ? *pick.trial : *pick.nearest);
  std::string text =
      (pick.trial ? "pick: trial " : "none of the measured trials fits; the nearest: trial ") +
      std::to_string(trial.id) + ", " + objectives_line(study, trial) + "\n  " +
      (trial.id == 0 ? "the default" : differences(trial.config, study.trials.front().config)) +
      "\n";
  if (!pick.trial) text += "binding: " + pick.binding + "\n";
  for (const Requirement& r : requirements) {
    const double found = r.value(trial);
    text += std::string("  ") + (r.holds(found) ? "holds   " : "misses  ") + r.text + ": " +
            with_unit(found, r.unit) + "\n";
    if (r.holds(found)) add_caveats(text, study, r, trial);
  }
  if (!trial.feasible) {
    for (const std::string& violation : trial.violations)
      text += "  misses  " + violation + " (" + std::string(kOwnLimits) + ")\n";
  }
  if (!pick.trial) {
    for (const auto& [what, best] : pick.without) {
      if (best)
        text += "without " + what + ": trial " + std::to_string(*best) + ", " +
                objectives_line(study, trial_of(study, *best)) + "\n";
    }
    return text;
  }
  const GateResult* const gate = gate_of(study, trial.id);
  text += "  quality gate: " +
          (gate ? std::string(verdict_name(gate->verdict)) : "not tested on fresh questions") +
          "\n";
  const double now = trial.objectives.*preference.objective;
  text += "what each costs, in " + std::string(preference.title) + ":\n";
  for (const auto& [what, best] : pick.without) {
    const double then = trial_of(study, *best).objectives.*preference.objective;
    text += "  " + what + ": ";
    text += then < now ? limit_number(now - then) + " (" + limit_number(now) + " instead of " +
                             limit_number(then) + ", trial " + std::to_string(*best) + ")"
                       : "nothing";
    text += "\n";
  }
  return text;
}

Study recommending(Study study, int trial, std::span<const Requirement> requirements,
                   const Preference& preference) {
  std::string reason = "the best by " + std::string(preference.name);
  for (const Requirement& r : requirements)
    reason += (&r == requirements.data() ? " with " : " and ") + r.text;
  if (!study.verification.done || study.verification.trial != trial) {
    study.verification = {};
    study.verification.verdict = "not verified: picked from what was measured, without measuring";
  }
  std::erase_if(study.picks, [](const Pick& pick) { return pick.name == "recommended"; });
  study.picks.insert(study.picks.begin(), {"recommended", trial, reason});
  return study;
}

}  // namespace paretune
