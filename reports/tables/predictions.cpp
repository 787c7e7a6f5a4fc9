// What the cost model said of trials before they ran, beside what they measured.
#include <cmath>

#include "optimizer/prediction_accuracy.h"
#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
Table prediction_error_table(const Study& study) {
  Table table{.caption = cat({"How wrong the predictions were that guided the search; the cost "
                              "model was ",
                              study.cost_model}),
              .columns = {{"Predicted"},
                          {"Trials", true},
                          {"Median error", true},
                          {"90 % of errors within", true},
                          {"Predicted / measured", true},
                          {"Rank correlation", true}}};
  if (!has_predictions(study)) return table;
  for (const PredictedMetric& metric : kPredictedMetrics) {
    const PredictionError e = prediction_error(study, metric);
    Row row{.cells = {{std::string(title_of(metric, study))}, {std::to_string(e.configs)}}};
    if (e.configs < 2) {
      row.cells.resize(table.columns.size(), {"–"});
    } else {
      row.cells.push_back({percent_text(e.median)});
      row.cells.push_back({percent_text(e.p90)});
      row.cells.push_back({number_text(e.bias)});
      row.cells.push_back({number_text(e.rank_correlation)});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table predicted_trials_table(const Study& study) {
  Table table{.caption = "Predicted before the trial ran, and what it measured",
              .columns = {{"Trial", true}},
              .sortable = true};
  for (const PredictedMetric& metric : kPredictedMetrics) {
    table.columns.push_back({cat({title_of(metric, study), ", predicted"}), true});
    table.columns.push_back({"measured", true});
  }
  for (const Trial& trial : study.trials) {
    if (!trial.predicted || !ran(trial)) continue;
    Row row{.cells = {{std::to_string(trial.id)}}, .trial = trial.id};
    for (const PredictedMetric& metric : kPredictedMetrics) {
      const double predicted = metric.predicted(*trial.predicted);
      row.cells.push_back(std::isfinite(predicted)
                              ? Cell{number_text(predicted), Mood::muted, predicted}
                              : Cell{"–"});
      const double measured = metric.measured(trial);
      row.cells.push_back({number_text(measured), Mood::plain, measured});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace paretune
