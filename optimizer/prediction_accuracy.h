// How wrong the predictions were: what was predicted of trials before they ran, beside what they
// measured.
#pragma once

#include <array>
#include <string_view>

#include "optimizer/study.h"
#include "profiles/cost_model/load_metrics.h"

namespace paretune {

struct PredictedMetric {
  std::string_view key;    // in front.json, with unit
  std::string_view title;  // for people; "": the study's latency objective
  double (*predicted)(const Prediction&);
  double (*measured)(const Trial&);
};

inline constexpr std::array kPredictedMetrics{
    PredictedMetric{"usd_per_million_output_tokens", "$/M output tokens",
                    [](const Prediction& p) { return p.objectives.usd_per_million_output_tokens; },
                    [](const Trial& t) { return t.objectives.usd_per_million_output_tokens; }},
    PredictedMetric{"latency_ms", "", [](const Prediction& p) { return p.objectives.latency_ms; },
                    [](const Trial& t) { return t.objectives.latency_ms; }},
    PredictedMetric{"max_requests_per_s", "requests/s at most",
                    [](const Prediction& p) { return p.max_rate; },
                    [](const Trial& t) { return t.measurement.speed.max_rate; }},
    PredictedMetric{"kl_divergence", "KL divergence",
                    [](const Prediction& p) { return p.objectives.kl_divergence; },
                    [](const Trial& t) { return t.objectives.kl_divergence; }},
};

std::string_view title_of(const PredictedMetric& metric, const Study& study);

// Over the trials that ran and were predicted; pairs with a value that is unknown or not positive
// count for nothing.
PredictionError prediction_error(const Study& study, const PredictedMetric& metric);

// Whether any trial was predicted.
bool has_predictions(const Study& study);

}  // namespace paretune
