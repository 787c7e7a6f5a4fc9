// The numbers of a load run that the cost model predicts, and how far predictions of them are off.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "profiles/measurement.h"

namespace paretune {

// A rate, or a percentile of a latency in milliseconds.
struct LoadMetric {
  std::string_view name;
  double LoadRun::*rate = nullptr;
  const LatencyMetric* latency = nullptr;
  std::size_t percentile = 0;  // index into kPercentiles
};

inline constexpr std::array kLoadMetrics{
    LoadMetric{"output tokens/s", &LoadRun::output_tokens_per_s},
    LoadMetric{"requests/s", &LoadRun::request_rate},
    LoadMetric{"TPOT p50 ms", nullptr, &kTpot, 0},
    LoadMetric{"TPOT p95 ms", nullptr, &kTpot, 2},
    LoadMetric{"E2E p95 ms", nullptr, &kE2e, 2},
    LoadMetric{"TTFT p50 ms", nullptr, &kTtft, 0},
    LoadMetric{"TTFT p95 ms", nullptr, &kTtft, 2},
};
using LoadMetrics = std::array<double, kLoadMetrics.size()>;  // in the order of kLoadMetrics
LoadMetrics metrics_of(const LoadRun& run);

// Of predictions beside what was then measured, of configs that the predictor had not seen.
struct PredictionError {
  int configs = 0;
  double median = 0, p90 = 0;   // of |predicted / measured - 1|
  double bias = 1;              // median of predicted / measured
  double rank_correlation = 0;  // Spearman's
};
using PredictionErrors = std::array<PredictionError, kLoadMetrics.size()>;

// Pairs with a value that is not positive count for nothing.
PredictionError prediction_error(std::span<const double> predicted,
                                 std::span<const double> measured);
PredictionErrors prediction_errors(std::span<const LoadMetrics> predicted,
                                   std::span<const LoadMetrics> measured);

// Spearman's rho: the correlation of ranks, equal values sharing theirs. 0 where either is
// constant.
double rank_correlation(std::span<const double> x, std::span<const double> y);

}  // namespace paretune
