// Service-level objectives on latency, in the words of serving engineers (DESIGN section 6 defines
// the metrics).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace paretune {

struct LatencyMetric {
  std::string_view name;   // its key in workload.json; milliseconds
  std::string_view title;  // in reports
  std::string_view what;
  bool per_request;  // one value a request; false: one value per gap between tokens
};

inline constexpr std::array kLatencyMetrics{
    LatencyMetric{"ttft_ms", "TTFT", "arrival to first token, queueing included", true},
    LatencyMetric{"itl_ms", "ITL", "each gap between tokens of one request", false},
    LatencyMetric{"tpot_ms", "TPOT", "(E2E - TTFT) / (output tokens - 1)", true},
    LatencyMetric{"e2e_latency_ms", "E2E", "arrival to last token", true},
};
inline constexpr const LatencyMetric& kTtft = kLatencyMetrics[0];
inline constexpr const LatencyMetric& kItl = kLatencyMetrics[1];
inline constexpr const LatencyMetric& kTpot = kLatencyMetrics[2];
inline constexpr const LatencyMetric& kE2e = kLatencyMetrics[3];

struct Percentile {
  std::string_view name;
  double percent;
  bool operator==(const Percentile&) const = default;
};

inline constexpr std::array kPercentiles{Percentile{"p50", 50}, Percentile{"p90", 90},
                                         Percentile{"p95", 95}, Percentile{"p99", 99},
                                         Percentile{"p99.9", 99.9}};  // also written p99p9

// Its place in kPercentiles.
constexpr std::size_t index_of(const Percentile& percentile) {
  return static_cast<std::size_t>(std::ranges::find(kPercentiles, percentile) -
                                  kPercentiles.begin());
}

// "At this percentile, no more than max milliseconds."
struct SloBound {
  const LatencyMetric* metric = &kTtft;
  Percentile percentile = kPercentiles[2];
  double max_ms = 0;
  bool operator==(const SloBound&) const = default;
};

struct Slo {
  std::vector<SloBound> bounds;  // in the order of kLatencyMetrics, then of the percentile
  std::optional<double>
      attainment_fraction;  // at least this fraction of requests meets every bound, when given
  bool operator==(const Slo&) const = default;
};

// What one request must keep of this metric to count as meeting the SLO: the largest of the
// metric's bounds (a looser bound at a higher percentile allows it for some). None: the metric is
// not bound.
std::optional<double> request_limit_ms(const Slo& slo, const LatencyMetric& metric);

// Fewest samples with which the sample maximum is an upper 95% confidence bound of the percentile
// (Wilks): p95 needs 59, p99 needs 299.
int samples_needed(double percent);

}  // namespace paretune
