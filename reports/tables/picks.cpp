#include <algorithm>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
namespace {

Cell estimate_cell(const Estimate& estimate) {
  return {
      .text = number_text(estimate.value), .sort = estimate.value, .note = interval_text(estimate)};
}

Cell latency_cell(const Study& study, const Trial& trial) {
  Cell cell = estimate_cell(latency_estimate(study, trial));
  if (latency_is_shaky(study, trial)) {
    const auto& set = trial.measurement.speed.at_workload.latency;
    const std::size_t at = objective_percentile(study);
    cell.text = "≈ " + cell.text;
    cell.note = percentile_text(set.of(*study.workload.objective.metric), at);
    cell.mood = Mood::muted;
  }
  return cell;
}

std::vector<Column> metric_columns(const Study& study) {
  return {{"Cost, $ per million output tokens", true},
          {latency_title(study) + ", ms", true},
          {"KL divergence, nats per token", true},
          {"Same top-1", true},
          {"Accuracy", true}};
}

void add_metrics(const Study& study, const Trial& trial, Row& row) {
  if (!ran(trial)) {
    row.cells.push_back({std::string(outcome_name(trial.measurement.outcome)), Mood::bad});
    for (int i = 0; i < 4; ++i) row.cells.push_back({"–", Mood::muted});
    return;
  }
  const Quality& quality = trial.measurement.quality;
  row.cells.push_back(estimate_cell(cost_estimate(study, trial)));
  row.cells.push_back(latency_cell(study, trial));
  row.cells.push_back(estimate_cell(quality_estimate(study, trial)));
  row.cells.push_back(
      {.text = percent_text(quality.same_top1_fraction), .sort = quality.same_top1_fraction});
  if (quality.capabilities.empty()) {
    row.cells.push_back({"not graded", Mood::muted});
  } else {
    row.cells.push_back({.text = plus_minus_text(quality.accuracy, quality.accuracy_standard_error),
                         .sort = quality.accuracy});
  }
}

}  // namespace

std::vector<const Trial*> picked_trials(const Study& study) {
  std::vector<const Trial*> out;
  for (const Pick& pick : study.picks) {
    const Trial* trial = find_trial(study, pick.trial);
    if (trial && std::find(out.begin(), out.end(), trial) == out.end()) out.push_back(trial);
  }
  return out;
}

Table picks_table(const Study& study) {
  Table table{.caption = "Picks, with 95 % intervals", .columns = {{"Pick"}, {"Trial", true}}};
  for (Column& column : metric_columns(study)) table.columns.push_back(std::move(column));
  table.columns.push_back({"Changed against the default"});
  table.columns.push_back({"Why"});
  for (const Pick& pick : study.picks) {
    const Trial* trial = find_trial(study, pick.trial);
    if (!trial) continue;
    Row row{.cells = {{readable(pick.name)}, {std::to_string(trial->id)}}, .trial = trial->id};
    add_metrics(study, *trial, row);
    row.cells.push_back({trial->id == 0 ? "nothing" : config_text(study, *trial)});
    row.cells.push_back({pick.reason});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table front_table(const Study& study) {
  Table table{
      .caption =
          study.feasible
              ? "The Pareto front, with 95 % intervals: costs and latencies of fresh runs that "
                "took "
                "no part in the search, but for what was not measured again"
              : "The Pareto front of all that ran (none meets every limit), with 95 % intervals",
      .columns = {{"Trial", true}, {"Picked as"}},
      .sortable = true};
  for (Column& column : metric_columns(study)) table.columns.push_back(std::move(column));
  table.columns.push_back({"The search saw, $", true});
  table.columns.push_back({"Ties with"});
  table.columns.push_back({"Changed against the default"});
  for (const Trial* trial : front_trials(study)) {
    Row row{.cells = {{std::to_string(trial->id)}, {join(pick_names(study, trial->id), ", ")}},
            .trial = trial->id};
    add_metrics(study, *trial, row);
    row.cells.push_back(
        trial->searched
            ? Cell{number_text(trial->searched->usd_per_million_output_tokens), Mood::muted}
            : Cell{"the same: not measured again", Mood::muted});
    row.cells.push_back({ties_text(study, trial->id)});
    row.cells.push_back({config_text(study, *trial)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table limits_table(const Study& study) {
  Table table{
      .caption =
          "What every limit costs: the cheapest config, and the front's hypervolume, were it "
          "alone 10 % looser, among what was measured, so at least",
      .columns = {{"Limit"},
                  {"Looser"},
                  {"Trial", true},
                  {"Cost then, $ per million output tokens", true},
                  {"Saved", true},
                  {"The front gains", true}}};
  for (const LimitPrice& price : study.prices) {
    const bool any = price.trial >= 0;
    table.rows.push_back({.cells = {{price.limit},
                                    {price.relaxed},
                                    {any ? std::to_string(price.trial) : "none"},
                                    {any ? number_text(price.relaxed_cost) : "–"},
                                    price.makes_feasible ? Cell{"makes it feasible", Mood::good}
                                    : price.saving > 0   ? Cell{percent_text(price.saving)}
                                                         : Cell{"nothing", Mood::muted},
                                    price.front_gain > 0 ? Cell{percent_text(price.front_gain)}
                                                         : Cell{"nothing", Mood::muted}},
                          .trial = price.trial});
  }
  return table;
}

Table effects_table(const Study& study) {
  Table table{.caption =
                  "Which knobs mattered: how far each moves an objective between its worst "
                  "and its best value tried, by a forest over the trials. Knobs that moved "
                  "together share their effect: a lead, not a measurement",
              .columns = {{"Knob"},
                          {"Cost, times", true},
                          {"Best for cost"},
                          {latency_title(study) + ", times", true},
                          {"Best for latency"},
                          {"KL divergence, times", true},
                          {"Best for quality"}},
              .sortable = true};
  for (const KnobEffect& effect : study.effects) {
    Row row{.cells = {{effect.knob}}};
    for (const KnobEffect::Effect& of : effect.of) {
      const bool none = of.ratio < 1.005;
      row.cells.push_back({.text = number_text(of.ratio),
                           .mood = none ? Mood::muted : Mood::plain,
                           .sort = of.ratio});
      row.cells.push_back(none ? Cell{"–", Mood::muted} : Cell{of.best});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table verification_table(const Study& study) {
  Table table{
      .caption = "Promised by the search, verified on fresh traffic",
      .columns = {{"Metric"}, {"Promised", true}, {"Verified", true}, {"Difference", true}}};
  for (const VerifiedMetric& metric : study.verification.metrics) {
    const auto text = [&](double value) {
      return metric.name.ends_with("_bytes") && value >= 0 ? bytes_text(std::uint64_t(value))
                                                           : number_text(value);
    };
    table.rows.push_back(
        {.cells = {{metric.name},
                   {text(metric.promised)},
                   {text(metric.verified)},
                   {metric.promised == 0 ? "–" : signed_percent_text(metric.difference())}}});
  }
  return table;
}

Table cost_table(const Study& study) {
  Table table{.caption = "How each cost is computed",
              .columns = {{"Trial", true}, {"Load"}, {"Formula"}}};
  for (const Trial* trial : picked_trials(study)) {
    if (!ran(*trial)) continue;
    const Speed& speed = trial->measurement.speed;
    const std::string load =
        speed.max_rate > 0
            ? cat({"highest rate that met the SLOs: ", number_text(speed.max_rate), " requests/s"})
            : "the workload's own arrivals (no rate met the SLOs)";
    table.rows.push_back(
        {.cells = {{std::to_string(trial->id)}, {load}, {cost_formula(study, *trial)}},
         .trial = trial->id});
  }
  return table;
}

}  // namespace paretune
