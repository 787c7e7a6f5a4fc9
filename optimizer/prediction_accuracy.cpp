#include "optimizer/prediction_accuracy.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace paretune {

std::string_view title_of(const PredictedMetric& metric, const Study& study) {
  return metric.title.empty() ? std::string_view(study.latency_objective) : metric.title;
}

PredictionError prediction_error(const Study& study, const PredictedMetric& metric) {
  std::vector<double> predicted, measured;
  for (const Trial& trial : study.trials) {
    if (!trial.predicted || trial.measurement.outcome != Outcome::ok) continue;
    const double value = metric.predicted(*trial.predicted);
    if (!std::isfinite(value)) continue;
    predicted.push_back(value);
    measured.push_back(metric.measured(trial));
  }
  return prediction_error(predicted, measured);
}

bool has_predictions(const Study& study) {
  return std::ranges::any_of(study.trials, [](const Trial& t) { return t.predicted.has_value(); });
}

}  // namespace paretune
