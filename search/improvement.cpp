#include "search/improvement.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace paretune {
namespace {

// E max(t - Y, 0) for a normal Y.
double expected_below(double t, const Moments& y) {
  const double sigma = std::sqrt(y.variance);
  if (sigma <= 0) return std::max(t - y.mean, 0.0);
  const double z = (t - y.mean) / sigma;
  const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
  const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  return std::max(sigma * (z * below + density), 0.0);
}

}  // namespace

Improvement::Improvement(std::span<const Scores> front, const Scores& reference)
    : levels_(reference.size()) {
  std::vector<Scores> inside;
  for (const Scores& p : front) {
    if (std::ranges::equal(p, reference, std::less{})) inside.push_back(p);
  }
  for (std::size_t j = 0; j < reference.size(); ++j) {
    for (const Scores& p : inside) levels_[j].push_back(p[j]);
    levels_[j].push_back(reference[j]);
    std::ranges::sort(levels_[j]);
    levels_[j].erase(std::unique(levels_[j].begin(), levels_[j].end()), levels_[j].end());
  }
  boxes_ = cut(std::move(inside), reference.size());
}

std::vector<Improvement::Box> Improvement::cut(std::vector<Scores> points,
                                               std::size_t n_objectives) const {
  const std::size_t last = n_objectives - 1;
  const std::vector<double>& levels = levels_[last];
  std::vector<Box> boxes;
  std::vector<Scores> below;  // the points whose last score is at or under the slab
  for (int low = -1; low + 1 < int(levels.size()); ++low) {
    bool changed = low < 0;
    for (const Scores& p : points) {
      if (low < 0 || p[last] != levels[std::size_t(low)]) continue;
      below.push_back(p);
      changed = true;
    }
    if (!changed) {  // the cross-section goes on
      for (Box& box : boxes) {
        if (box[last].high == low) box[last].high = low + 1;
      }
      continue;
    }
    if (last == 0) {
      if (!below.empty()) break;  // dominated from here on
      boxes.push_back({{low, low + 1}});
      continue;
    }
    for (Box& box : cut(below, last)) {
      box.push_back({low, low + 1});
      boxes.push_back(std::move(box));
    }
  }
  return boxes;
}

double Improvement::expected(std::span<const Moments> moments) const {
  std::vector<std::vector<double>> below(levels_.size());  // expected_below at each level
  for (std::size_t j = 0; j < levels_.size(); ++j) {
    for (double level : levels_[j]) below[j].push_back(expected_below(level, moments[j]));
  }
  double sum = 0;
  for (const Box& box : boxes_) {
    double gain = 1;
    for (std::size_t j = 0; j < box.size(); ++j) {
      gain *= below[j][std::size_t(box[j].high)] -
              (box[j].low < 0 ? 0 : below[j][std::size_t(box[j].low)]);
    }
    sum += gain;
  }
  return sum;
}

}  // namespace paretune
