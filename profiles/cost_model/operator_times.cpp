#include "profiles/cost_model/operator_times.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace paretune {
namespace {

// Of points in ascending order of rows, not empty.
double interpolate(const std::map<int, double>& points, int m) {
  double most = 0;  // so far: a point below an earlier one is noise
  int from = 0;
  double at_from = 0;
  for (const auto& [rows, seconds] : points) {
    most = std::max(most, seconds);
    if (rows >= m) {
      if (from == 0) return most;
      return at_from + (most - at_from) * (m - from) / (rows - from);
    }
    from = rows;
    at_from = most;
  }
  return at_from * m / from;
}

}  // namespace

std::size_t ProductKeyHash::operator()(const ProductKey& key) const noexcept {
  std::size_t hash = 0;
  const auto mix = [&](std::size_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  };
  mix(reinterpret_cast<std::size_t>(key.weights));
  mix(reinterpret_cast<std::size_t>(key.plan.variant));
  for (const int value : {key.plan.walk.prefetch, key.plan.walk.streams, key.plan.walk.depth_block,
                          key.plan.row_block, key.plan.panel_block, int(key.plan.claimed),
                          key.plan.row_shares, key.n, key.k, key.threads}) {
    mix(static_cast<std::size_t>(value));
  }
  return hash;
}

void OperatorTimes::add(const ProductKey& key, int m, double seconds) { curves_[key][m] = seconds; }

const OperatorTimes::Curve* OperatorTimes::find(const ProductKey& key) const {
  const auto found = curves_.find(key);
  return found == curves_.end() ? nullptr : &found->second;
}

bool OperatorTimes::has(const ProductKey& key, int m) const {
  const Curve* curve = find(key);
  return curve && curve->contains(m);
}

std::size_t OperatorTimes::points() const {
  std::size_t sum = 0;
  for (const auto& [key, curve] : curves_) sum += curve.size();
  return sum;
}

void OperatorTimes::for_each_product(
    const std::function<void(const ProductKey&, int m, double seconds)>& visit) const {
  for (const auto& [key, curve] : curves_) {
    for (const auto& [m, seconds] : curve) visit(key, m, seconds);
  }
}

double OperatorTimes::product(const WeightFormat& weights, const MatmulPlans& plans, int n, int k,
                              int threads, int m) const {
  Curve points;
  for (const int rows : kTimedRows) {
    const Curve* curve = find({&weights, plans.at(rows), n, k, threads});
    if (!curve) continue;
    if (const auto at = curve->find(rows); at != curve->end()) points.insert(*at);
  }
  if (!points.empty()) return interpolate(points, m);

  const MatmulVariant& wanted = *plans.at(m).variant;
  const auto size = [](double rows, double columns) { return rows * columns; };
  double least = 1e300, seconds = 0;
  for (const auto& [key, curve] : curves_) {
    const MatmulVariant& variant = *key.plan.variant;
    double distance = std::fabs(std::log2(size(key.n, key.k) / size(n, k)));
    if (key.threads != threads) distance += 20;
    if (&variant != &wanted) distance += 40;
    if (variant.activations != wanted.activations) distance += 80;
    if (variant.family != wanted.family) distance += 160;
    // Of plans for few and for many rows, that with the nearer points.
    distance += std::fabs(std::log2(double(curve.rbegin()->first) / m)) / 16;
    // Whatever the order of the table, the same answer.
    const double found =
        interpolate(curve, m) * size(n, k) / size(key.n, key.k) * key.threads / threads;
    if (distance < least || (distance == least && found < seconds)) {
      least = distance;
      seconds = found;
    }
  }
  return seconds;
}

double OperatorTimes::prepare(const MatmulVariant& variant, int k) const {
  double seconds = 0;
  int nearest = 0;
  for (const auto& [key, row] : prepare_row) {
    if (key.first != &variant) continue;
    if (nearest != 0 && std::abs(key.second - k) >= std::abs(nearest - k)) continue;
    nearest = key.second;
    seconds = row * k / nearest;
  }
  return seconds;
}

}  // namespace paretune
