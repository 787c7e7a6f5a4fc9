#include "profiles/rate_search.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace paretune {
namespace {

constexpr double kLeastUse = 1e-6;  // whose logarithm is finite
constexpr double kBeyond = 1.0001;  // no ratio says how far

double upper_end(const LoadRun& run, const SloBound& bound) {
  const std::size_t i = index_of(bound.percentile);
  const Distribution& distribution = run.latency.of(*bound.metric);
  const Estimate& estimate = distribution.percentiles[i];
  return distribution.enough(i) ? std::max(estimate.value, estimate.high) : estimate.value;
}

}  // namespace

double load_of(const LoadRun& run, bool closed) {
  if (closed) return run.concurrency;
  return run.offered_rate > 0 ? run.offered_rate : run.request_rate;
}

double use_of_limits(const LoadRun& run, const Slo& slo) {
  double use = 0;
  for (const SloBound& bound : slo.bounds)
    use = std::max(use, upper_end(run, bound) / bound.max_ms);
  if (slo.attainment_fraction)
    use = std::max(use, *slo.attainment_fraction / std::max(run.slo_attainment, kLeastUse));
  return run.meets_slo ? use : std::max(use, kBeyond);
}

std::string unsure_limit(const LoadRun& run, const Slo& slo) {
  if (!run.meets_slo) return "";
  std::string text;
  double worst = 1;
  for (const SloBound& bound : slo.bounds) {
    const double high = upper_end(run, bound);
    if (high / bound.max_ms <= worst) continue;
    worst = high / bound.max_ms;
    char line[160];
    std::snprintf(line, sizeof line, "%s %s, upper end of its interval: %.4g > %.4g",
                  std::string(bound.metric->name).c_str(),
                  std::string(bound.percentile.name).c_str(), high, bound.max_ms);
    text = line;
  }
  return text;
}

std::vector<double> isotonic_fit(std::span<const double> values) {
  struct Pool {
    double sum;
    std::size_t size;
    double mean() const { return sum / static_cast<double>(size); }
  };
  std::vector<Pool> pools;
  for (const double value : values) {
    pools.push_back({value, 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().size += last.size;
    }
  }
  std::vector<double> fit;
  for (const Pool& pool : pools) fit.insert(fit.end(), pool.size, pool.mean());
  return fit;
}

RateBracket bracket_rate(std::span<const LoadRun> runs, const Slo& slo, bool closed) {
  std::vector<const LoadRun*> by_load;
  for (const LoadRun& run : runs) by_load.push_back(&run);
  std::ranges::stable_sort(by_load, {}, [&](const LoadRun* run) { return load_of(*run, closed); });
  std::vector<double> uses;
  for (const LoadRun* run : by_load)
    uses.push_back(std::log(std::max(use_of_limits(*run, slo), kLeastUse)));
  const std::vector<double> fit = isotonic_fit(uses);
  RateBracket bracket;
  for (std::size_t i = 0; i < by_load.size(); ++i) {
    const double load = load_of(*by_load[i], closed);
    if (fit[i] > 0) {
      bracket.missed = std::min(bracket.missed, load);
    } else if (uses[i] <= 0) {
      bracket.kept = load;
      if (!bracket.best || by_load[i]->output_tokens_per_s > bracket.best->output_tokens_per_s)
        bracket.best = by_load[i];
    }
  }
  return bracket;
}

}  // namespace paretune
