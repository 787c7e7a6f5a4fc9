#include "profiles/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace paretune {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMiss = 0.05;  // how often an interval may miss
constexpr std::size_t kFewClusters = 10;

// P(B = k) for k = 0 … n of a binomial B(n, q), 0 < q < 1.
std::vector<double> binomial(int n, double q) {
  std::vector<double> p(n + 1);
  double log_p = n * std::log1p(-q);
  const double log_odds = std::log(q) - std::log1p(-q);
  for (int k = 0; k <= n; ++k) {
    p[k] = std::exp(log_p);
    log_p += std::log(double(n - k) / (k + 1)) + log_odds;
  }
  return p;
}

}  // namespace

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + std::ptrdiff_t(samples.size() / 2);
  std::ranges::nth_element(samples, middle);
  return *middle;
}

Mean mean(std::span<const double> samples) {
  const double n = double(samples.size());
  if (samples.empty()) return {0, kInfinity};
  const double value = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
  double squares = 0;
  for (const double sample : samples) squares += (sample - value) * (sample - value);
  return {value, n < 2 ? kInfinity : std::sqrt(squares / (n - 1) / n)};
}

Mean clustered_mean(std::span<const Cluster> clusters) {
  double sum = 0, count = 0;
  for (const Cluster& c : clusters) sum += c.sum, count += c.count;
  if (count == 0) return {0, kInfinity};
  const double value = sum / count;
  double squares = 0;
  for (const Cluster& c : clusters) {
    const double residual = c.sum - value * c.count;
    squares += residual * residual;
  }
  const double g = double(clusters.size());
  return {value, g < 2 ? kInfinity : std::sqrt(g / (g - 1) * squares) / count};
}

double clustering_factor(std::span<const double> samples, std::span<const int> cluster) {
  assert(samples.size() == cluster.size());
  std::map<int, Cluster> clusters;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    clusters[cluster[i]].sum += samples[i];
    clusters[cluster[i]].count += 1;
  }
  if (clusters.size() == samples.size()) return 1;
  const double most = std::sqrt(double(samples.size()));
  if (clusters.size() < 2) return most;
  const double independent = mean(samples).standard_error;
  const double assumed =
      std::sqrt(1 + kAssumedCorrelation * (double(samples.size()) / double(clusters.size()) - 1));
  if (independent == 0) return assumed;
  std::vector<Cluster> all;
  for (const auto& [id, one] : clusters) all.push_back(one);
  return std::clamp(clustered_mean(all).standard_error / independent,
                    clusters.size() < kFewClusters ? assumed : 1.0, most);
}

Mean clustered_exp_mean(std::span<const Cluster> clusters) {
  const Mean log = clustered_mean(clusters);
  return {std::exp(log.value), std::exp(log.value) * log.standard_error};
}

double binomial_standard_error(double right, int n) {
  const double p = (right + 2) / (n + 4);
  return std::sqrt(p * (1 - p) / (n + 4));
}

namespace {

// The rank, from 1, of the sample that bounds the quantile from above (0: none does), and how
// likely it does not.
struct Upper {
  int rank = 0;
  double miss = 0;
};
Upper upper_of(const std::vector<double>& p) {
  const int n = int(p.size()) - 1;
  Upper upper{n, p[n]};
  if (upper.miss > kMiss) return {};
  while (upper.miss + p[upper.rank - 1] <= kMiss / 2) upper.miss += p[--upper.rank];
  return upper;
}

}  // namespace

int upper_rank(int n, double q) { return upper_of(binomial(n, q)).rank; }

Estimate percentile(std::span<const double> sorted, double q) {
  assert(!sorted.empty() && sorted.front() >= 0 && std::is_sorted(sorted.begin(), sorted.end()));
  const int n = int(sorted.size());
  // q n that is whole but for rounding is whole: 0.95 * 60 may come out as 57.000000000000007.
  const int rank = std::clamp(int(std::ceil(q * n - 1e-9)), 1, n);
  Estimate estimate{.value = sorted[rank - 1], .low = 0, .high = kInfinity};

  // The true quantile lies above the u-th smallest sample with P(B >= u), and below the l-th with
  // P(B < l), where B, the number of samples below it, is binomial.
  const std::vector<double> p = binomial(n, q);
  const Upper upper = upper_of(p);
  if (upper.rank > 0) estimate.high = sorted[upper.rank - 1];
  int lower = 0;
  for (double below = p[0]; below <= kMiss - upper.miss && lower < rank; below += p[lower]) ++lower;
  if (lower > 0) estimate.low = sorted[lower - 1];
  return estimate;
}

Mean paired_drop(std::span<const double> drops) { return paired_likelihood_drop(drops, 1); }

Mean paired_likelihood_drop(std::span<const double> drops, double known) {
  if (drops.empty()) return {};
  double swing = std::max(known, kSmallestSwing), sum = 0;
  for (const double drop : drops) swing = std::max(swing, std::abs(drop)), sum += drop;
  const double n = double(drops.size()) + 2, value = sum / n;
  double squares = 2 * (swing * swing + value * value);
  for (const double drop : drops) squares += (drop - value) * (drop - value);
  return {.value = value, .standard_error = std::sqrt(squares) / n};
}

double largest_swing(double kl_divergence) {
  return std::min(1.0, std::sqrt(std::max(0.0, kl_divergence) / 2));
}

double mcnemar_p(int b, int c) {
  const std::vector<double> p = binomial(b + c, 0.5);
  return std::min(1.0, 2 * std::accumulate(p.begin(), p.begin() + std::min(b, c) + 1, 0.0));
}

double flip_p(int b, int c) {
  const std::vector<double> p = binomial(b + c, 0.5);
  return std::min(1.0, std::accumulate(p.begin() + b, p.end(), 0.0));
}

double one_sided_95(int n) {
  if (n < 2) return kInfinity;
  return boost::math::quantile(boost::math::students_t(n - 1), 0.95);
}

Distribution summarize(std::vector<double> samples) {
  Distribution distribution;
  if (samples.empty()) {
    for (Estimate& estimate : distribution.percentiles) estimate.high = kInfinity;
    return distribution;
  }
  std::sort(samples.begin(), samples.end());
  distribution.samples = int(samples.size());
  distribution.mean = mean(samples).value;
  for (std::size_t i = 0; i < kPercentiles.size(); ++i)
    distribution.percentiles[i] = percentile(samples, kPercentiles[i].percent / 100);
  return distribution;
}

}  // namespace paretune
