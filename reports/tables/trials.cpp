#include <cmath>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"
#include "runtime/deployment.h"

namespace paretune {
namespace {

Cell status_cell(const Trial& trial) {
  if (!ran(trial)) return {std::string(outcome_name(trial.measurement.outcome)), Mood::bad};
  if (!trial.feasible) {
    return {cat({trial.on_front ? "on the front, but " : "",
                 "over a limit: ", join(trial.violations, "; ")}),
            Mood::bad};
  }
  if (trial.on_front) return {"on the front", Mood::good};
  return {"beaten by the front"};
}

// Whether the column shows a percentile that this trial has too few samples for.
bool too_few_samples(const Study& study, const Trial& trial, std::string_view column) {
  if (column == kObjectives[1].key) return latency_is_shaky(study, trial);
  for (const LatencyMetric& metric : kLatencyMetrics) {
    if (!column.starts_with(metric.name)) continue;
    for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
      if (column.ends_with(kPercentiles[i].name)) {
        return !trial.measurement.speed.at_workload.latency.of(metric).enough(i);
      }
    }
  }
  return false;
}

Cell metric_cell(const Study& study, const Trial& trial, const TrialColumn& column) {
  if (!ran(trial)) return {"–", Mood::muted};
  const double value = column.value(trial);
  const bool bytes = column.name.ends_with("_bytes") && value >= 0 && value < 0x1p63;
  Cell cell{.text = bytes ? bytes_text(static_cast<std::uint64_t>(value)) : number_text(value)};
  if (std::isfinite(value)) cell.sort = value;
  if (too_few_samples(study, trial, column.name)) {
    cell.text = "≈ " + cell.text;
    cell.note = "too few samples";
    cell.mood = Mood::muted;
  }
  return cell;
}

}  // namespace

Table trials_table(const Study& study) {
  Table table{.caption = "All trials, with the knobs that vary among them",
              .columns = {{"Trial", true}, {"Status"}, {"Picked as"}},
              .sortable = true};
  const std::vector<TrialColumn> metrics = trial_columns();
  const std::vector<std::string> knobs = varying_knobs(study);
  for (const TrialColumn& metric : metrics)
    table.columns.push_back({std::string(metric.title), true});
  for (const std::string& knob : knobs) table.columns.push_back({knob});
  for (const Trial& trial : study.trials) {
    Row row{.cells = {{std::to_string(trial.id)},
                      status_cell(trial),
                      {join(pick_names(study, trial.id), ", ")}},
            .trial = trial.id};
    for (const TrialColumn& metric : metrics)
      row.cells.push_back(metric_cell(study, trial, metric));
    for (const std::string& knob : knobs) row.cells.push_back({knob_text(trial.config, knob)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table failures_table(const Study& study) {
  Table table{
      .caption = "Failed trials",
      .columns = {
          {"Trial", true}, {"Outcome"}, {"What happened"}, {"Changed against the default"}}};
  for (const Trial& trial : study.trials) {
    if (ran(trial)) continue;
    table.rows.push_back(
        {.cells = {{std::to_string(trial.id)},
                   {std::string(outcome_name(trial.measurement.outcome)), Mood::bad},
                   {trial.measurement.detail},
                   {config_text(study, trial)}},
         .trial = trial.id});
  }
  return table;
}

}  // namespace paretune
