#include "reports/facts.h"

#include <algorithm>
#include <set>

#include "optimizer/intervals.h"
#include "optimizer/judge.h"
#include "reports/number.h"
#include "reports/text.h"
#include "runtime/deployment.h"

namespace paretune {
namespace {

const Distribution& objective_distribution(const Study& study, const Trial& trial) {
  return trial.measurement.speed.at_workload.latency.of(*study.workload.objective.metric);
}

void add_limit(std::vector<std::string>& out, std::string_view what,
               const std::optional<double>& limit) {
  if (limit) out.push_back(cat({what, " ", number_text(*limit)}));
}

}  // namespace

std::string cost_title(const Study&) { return "Cost"; }
std::string latency_title(const Study& study) {
  const LatencyObjective& objective = study.workload.objective;
  return cat({objective.metric->title, " ", objective.percentile.name});
}
std::string quality_title(const Study&) { return "KL divergence"; }

Estimate cost_estimate(const Study&, const Trial& trial) { return cost_estimate(trial); }
Estimate latency_estimate(const Study& study, const Trial& trial) {
  return latency_estimate(trial, study.workload.objective);
}
Estimate quality_estimate(const Study&, const Trial& trial) { return quality_estimate(trial); }

std::size_t objective_percentile(const Study& study) {
  return index_of(study.workload.objective.percentile);
}

std::string percentile_text(const Distribution& distribution, std::size_t percentile) {
  if (distribution.enough(percentile)) return estimate_text(distribution.percentiles[percentile]);
  const Percentile& row = kPercentiles[percentile];
  return cat({row.name, ": needs ", std::to_string(samples_needed(row.percent)), " samples, has ",
              std::to_string(distribution.samples)});
}

bool latency_is_shaky(const Study& study, const Trial& trial) {
  return !objective_distribution(study, trial).enough(objective_percentile(study));
}

bool ran(const Trial& trial) { return trial.measurement.outcome == Outcome::ok; }

const Trial* find_trial(const Study& study, int id) {
  const auto at = std::find_if(study.trials.begin(), study.trials.end(),
                               [&](const Trial& trial) { return trial.id == id; });
  return at == study.trials.end() ? nullptr : &*at;
}

const Trial* picked(const Study& study, std::string_view pick) {
  for (const Pick& p : study.picks) {
    if (p.name == pick) return find_trial(study, p.trial);
  }
  return nullptr;
}

const Trial* default_trial(const Study& study) { return find_trial(study, 0); }

std::vector<const Trial*> front_trials(const Study& study) {
  std::vector<const Trial*> out;
  for (int id : study.front) {
    if (const Trial* trial = find_trial(study, id)) out.push_back(trial);
  }
  return out;
}

std::vector<std::string> pick_names(const Study& study, int trial) {
  std::vector<std::string> out;
  for (const Pick& pick : study.picks) {
    if (pick.trial == trial) out.push_back(readable(pick.name));
  }
  return out;
}

std::string ties_text(const Study& study, int trial) {
  const auto group = std::find_if(study.ties.begin(), study.ties.end(),
                                  [&](const TieGroup& g) { return g.trial == trial; });
  std::vector<std::string> ids;
  if (group != study.ties.end()) {
    for (const int id : group->with) ids.push_back(std::to_string(id));
  }
  return join(ids, ", ");
}

std::string readable(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

std::vector<Change> changes(const DeployConfig& from, const DeployConfig& to) {
  std::vector<Change> out;
  for (const std::string& knob : knob_names()) {
    Change change{knob, knob_text(from, knob), knob_text(to, knob)};
    if (change.from != change.to) out.push_back(std::move(change));
  }
  return out;
}

std::string changes_text(const std::vector<Change>& changes) {
  std::vector<std::string> parts;
  for (const Change& change : changes)
    parts.push_back(cat({change.knob, " ", change.from, " → ", change.to}));
  return join(parts, ",\n");  // a table cell breaks there, prose takes it for a space
}

std::string config_text(const Study& study, const Trial& trial) {
  const Trial* base = default_trial(study);
  const std::string text =
      base ? changes_text(changes(base->config, trial.config)) : to_json(trial.config);
  return text.empty() ? "the default config" : text;
}

std::vector<std::string> knob_names() {
  std::vector<std::string> out;
  for_each_knob([&](const auto& knob) { out.emplace_back(knob.name); });
  return out;
}

std::vector<std::string> varying_knobs(const Study& study) {
  std::vector<std::string> out;
  for (const std::string& knob : knob_names()) {
    std::set<std::string> values;
    for (const Trial& trial : study.trials) values.insert(knob_text(trial.config, knob));
    if (values.size() > 1) out.push_back(knob);
  }
  return out;
}

std::vector<std::string> limits_text(const Workload& workload) {
  std::vector<std::string> out;
  for (const SloBound& bound : workload.slo.bounds) {
    out.push_back(cat({bound.metric->title, " ", bound.percentile.name, " ≤ ",
                       number_text(bound.max_ms), " ms"}));
  }
  if (workload.slo.attainment_fraction) {
    out.push_back(cat({"SLO attainment ≥ ", percent_text(*workload.slo.attainment_fraction)}));
  }
  const QualityFloors& set = workload.quality.floors;
  const QualityFloors floors = floors_of(workload);
  add_limit(out, "KL divergence ≤", floors.max_kl_divergence);
  add_limit(out, "same top-1 ≥", floors.min_same_top1_fraction);
  add_limit(out, "perplexity ratio ≤", floors.max_perplexity_ratio);
  add_limit(out, "accuracy ≥", floors.min_accuracy);
  add_limit(out, "accuracy lost per capability ≤", floors.max_drop);
  for (const auto& [name, floor] : floors.capabilities) {
    add_limit(out, cat({name, " accuracy ≥"}), floor.min_accuracy);
    add_limit(out, cat({name, " accuracy lost ≤"}), floor.max_drop);
  }
  const bool text = floors.max_kl_divergence != set.max_kl_divergence,
             answers = floors.max_drop != set.max_drop;
  if (text || answers) {
    out.push_back(cat({"the floor on ", text ? "KL divergence" : "", text && answers ? " and " : "",
                       answers ? "accuracy lost" : "", " is assumed, as the workload sets none"}));
  }
  return out;
}

const LoadRun& cost_run(const Trial& trial) {
  const Speed& speed = trial.measurement.speed;
  return speed.max_rate > 0 ? speed.at_max_rate : speed.at_workload;
}

std::string cost_formula(const Study& study, const Trial& trial) {
  constexpr int kDigits = 6;  // enough to do the sum again by hand
  const double usd_per_hour = study.workload.cost.usd_per_hour;
  const double tokens_per_s = cost_run(trial).output_tokens_per_s;
  return cat(
      {"usd_per_hour / 3600 / output_tokens_per_s × 1,000,000 = ",
       number_text(usd_per_hour, kDigits), " / 3600 / ", number_text(tokens_per_s, kDigits),
       " × 1,000,000 = ", number_text(trial.objectives.usd_per_million_output_tokens, kDigits)});
}

}  // namespace paretune
