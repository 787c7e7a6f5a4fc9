#include "workloads/slo.h"

#include <algorithm>
#include <cmath>

namespace paretune {

std::optional<double> request_limit_ms(const Slo& slo, const LatencyMetric& metric) {
  std::optional<double> limit;
  for (const SloBound& bound : slo.bounds)
    if (bound.metric == &metric) limit = std::max(limit.value_or(0), bound.max_ms);
  return limit;
}

int samples_needed(double percent) {
  // All of n samples fall below the percentile with probability (percent/100)^n; that must be 5% at
  // most.
  return int(std::ceil(std::log(0.05) / std::log(percent / 100)));
}

}  // namespace paretune
