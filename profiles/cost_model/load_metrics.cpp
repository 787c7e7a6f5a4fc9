#include "profiles/cost_model/load_metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "profiles/statistics.h"

namespace paretune {
namespace {

std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (std::size_t j = i; j < end; ++j) result[order[j]] = double(i + end - 1) / 2;
    i = end;
  }
  return result;
}

double nearest_rank(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return percentile(values, q).value;
}

}  // namespace

LoadMetrics metrics_of(const LoadRun& run) {
  LoadMetrics values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const LoadMetric& metric = kLoadMetrics[i];
    values[i] = metric.rate ? run.*metric.rate
                            : run.latency.of(*metric.latency).percentiles[metric.percentile].value;
  }
  return values;
}

double rank_correlation(std::span<const double> x, std::span<const double> y) {
  assert(x.size() == y.size());
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double middle = (double(a.size()) - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - middle) * (b[i] - middle);
    aa += (a[i] - middle) * (a[i] - middle);
    bb += (b[i] - middle) * (b[i] - middle);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

PredictionError prediction_error(std::span<const double> predicted,
                                 std::span<const double> measured) {
  assert(predicted.size() == measured.size());
  std::vector<double> p, m, errors, ratios;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    if (!(predicted[i] > 0) || !(measured[i] > 0)) continue;
    p.push_back(predicted[i]);
    m.push_back(measured[i]);
    ratios.push_back(predicted[i] / measured[i]);
    errors.push_back(std::fabs(ratios.back() - 1));
  }
  if (p.empty()) return {};
  return {.configs = static_cast<int>(p.size()),
          .median = nearest_rank(errors, 0.5),
          .p90 = nearest_rank(errors, 0.9),
          .bias = nearest_rank(ratios, 0.5),
          .rank_correlation = rank_correlation(p, m)};
}

PredictionErrors prediction_errors(std::span<const LoadMetrics> predicted,
                                   std::span<const LoadMetrics> measured) {
  PredictionErrors errors;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    std::vector<double> p, m;
    for (const LoadMetrics& one : predicted) p.push_back(one[i]);
    for (const LoadMetrics& one : measured) m.push_back(one[i]);
    errors[i] = prediction_error(p, m);
  }
  return errors;
}

}  // namespace paretune
