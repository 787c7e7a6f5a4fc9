// CSV as RFC 4180 has it, one header line, units in the names. Empty: not measured, unbounded, or a
// percentile of fewer samples than it needs (the samples are a column too).
#include <functional>
#include <set>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/report.h"
#include "reports/text.h"
#include "runtime/deployment.h"

namespace paretune {
namespace {

struct CsvColumn {
  std::string name;
  std::function<std::string(const Study&, const Trial&)> field;  // quoted where it must be
};

std::string yes_no(bool value) { return value ? "true" : "false"; }

void add_objectives(std::vector<CsvColumn>& columns) {
  for (const ObjectiveRow& row : kObjectives) {
    const auto number = [&](std::string_view suffix, double Estimate::*part) {
      columns.push_back(
          {cat({row.key, suffix}), [&row, part](const Study& study, const Trial& trial) {
             return ran(trial) ? exact_number(row.estimate(study, trial).*part) : "";
           }});
    };
    number("", &Estimate::value);
    number("_low", &Estimate::low);
    number("_high", &Estimate::high);
  }
}

void add_percentiles(std::vector<CsvColumn>& columns) {
  for (const LatencyMetric& metric : kLatencyMetrics) {
    const auto distribution = [&metric](const Trial& trial) -> const Distribution& {
      return trial.measurement.speed.at_workload.latency.of(metric);
    };
    columns.push_back(
        {cat({metric.name, "_samples"}), [distribution](const Study&, const Trial& trial) {
           return ran(trial) ? std::to_string(distribution(trial).samples) : "";
         }});
    for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
      columns.push_back({cat({metric.name, "_", kPercentiles[i].name}),
                         [distribution, i](const Study&, const Trial& trial) {
                           const Distribution& d = distribution(trial);
                           return ran(trial) && d.enough(i) ? exact_number(d.percentiles[i].value)
                                                            : "";
                         }});
    }
  }
}

std::vector<CsvColumn> csv_columns() {
  std::vector<CsvColumn> columns{
      {"trial", [](const Study&, const Trial& t) { return std::to_string(t.id); }},
      {"picks",
       [](const Study& s, const Trial& t) { return csv_text(join(pick_names(s, t.id), "; ")); }},
      {"outcome",
       [](const Study&, const Trial& t) { return csv_text(outcome_name(t.measurement.outcome)); }},
      {"feasible", [](const Study&, const Trial& t) { return yes_no(t.feasible); }},
      {"on_front", [](const Study&, const Trial& t) { return yes_no(t.on_front); }},
  };
  for (const std::string& knob : knob_names()) {
    columns.push_back({knob, [knob](const Study&, const Trial& t) {
                         return csv_text(knob_text(t.config, knob));
                       }});
  }
  add_objectives(columns);
  add_percentiles(columns);
  for (const TrialColumn& metric : trial_columns()) {
    columns.push_back({std::string(metric.name), [metric](const Study&, const Trial& t) {
                         return ran(t) ? exact_number(metric.value(t)) : "";
                       }});
  }
  columns.push_back({"seconds_to_measure", [](const Study&, const Trial& t) {
                       return exact_number(t.measurement.seconds);
                     }});
  columns.push_back({"measured_at", [](const Study&, const Trial& t) {
                       return csv_text(t.measurement.measured_at);
                     }});
  columns.push_back({"violations", [](const Study&, const Trial& t) {
                       return csv_text(join(t.violations, "; "));
                     }});
  columns.push_back(
      {"detail", [](const Study&, const Trial& t) { return csv_text(t.measurement.detail); }});
  // Objectives and percentiles are among the shared columns as well: each name stays once, at its
  // first place, where a percentile without samples is empty.
  std::set<std::string> seen;
  std::erase_if(columns, [&](const CsvColumn& column) { return !seen.insert(column.name).second; });
  return columns;
}

std::string csv(const Study& study, const std::vector<const Trial*>& trials) {
  const std::vector<CsvColumn> columns = csv_columns();
  std::vector<std::string> fields;
  for (const CsvColumn& column : columns) fields.push_back(csv_text(column.name));
  std::string out = join(fields, ",") + "\r\n";
  for (const Trial* trial : trials) {
    fields.clear();
    for (const CsvColumn& column : columns) fields.push_back(column.field(study, *trial));
    out += join(fields, ",") + "\r\n";
  }
  return out;
}

}  // namespace

std::string front_csv(const Study& study) { return csv(study, front_trials(study)); }

std::string trials_csv(const Study& study) {
  std::vector<const Trial*> all;
  for (const Trial& trial : study.trials) all.push_back(&trial);
  return csv(study, all);
}

}  // namespace paretune
