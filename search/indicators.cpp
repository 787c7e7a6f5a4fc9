#include "search/indicators.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>

#include "search/pareto.h"

namespace paretune {
namespace {

// The area that 2-D points dominate up to a reference, kept while points are added in any order.
class Staircase {
 public:
  Staircase(double x_reference, double y_reference) : x_end_(x_reference), y_end_(y_reference) {}

  double area() const { return area_; }

  void add(double x, double y) {
    const auto after = steps_.upper_bound(x);
    if (after != steps_.begin() && std::prev(after)->second <= y) return;
    auto step = steps_.lower_bound(x);
    double top = step == steps_.begin() ? y_end_ : std::prev(step)->second;
    double left = x;
    while (step != steps_.end() && step->second >= y) {
      area_ += (step->first - left) * (top - y);
      left = step->first;
      top = step->second;
      step = steps_.erase(step);
    }
    area_ += ((step == steps_.end() ? x_end_ : step->first) - left) * (top - y);
    steps_.emplace_hint(step, x, y);
  }

 private:
  std::map<double, double> steps_;  // x ascending, y strictly descending
  double x_end_, y_end_;
  double area_ = 0;
};

// points: all better than the reference in the first n_objectives, which alone count.
double volume(std::vector<Scores> points, const Scores& reference, std::size_t n_objectives) {
  const std::size_t last = n_objectives - 1;
  std::ranges::sort(points, {}, [&](const Scores& p) { return p[last]; });
  if (points.empty()) return 0;
  if (n_objectives == 1) return reference[0] - points[0][0];
  if (n_objectives == 2) {
    Staircase stairs(reference[0], reference[1]);
    for (const Scores& p : points) stairs.add(p[0], p[1]);
    return stairs.area();
  }
  // Slabs along the last objective: between two levels, the points below them cover the same
  // cross-section.
  double sum = 0;
  Staircase stairs(reference[0],
                   reference[1]);  // the cross-section of three objectives, grown slab by slab
  std::vector<Scores> below;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (n_objectives == 3) {
      stairs.add(points[i][0], points[i][1]);
    } else {
      Scores projected(points[i].begin(), points[i].begin() + std::ptrdiff_t(last));
      const auto covers = [&](const Scores& p) {
        return p == projected || dominates(p, projected);
      };
      if (std::ranges::none_of(below, covers)) {
        std::erase_if(below, [&](const Scores& p) { return dominates(projected, p); });
        below.push_back(std::move(projected));
      }
    }
    const double next = i + 1 < points.size() ? points[i + 1][last] : reference[last];
    if (next <= points[i][last]) continue;
    const double section = n_objectives == 3 ? stairs.area() : volume(below, reference, last);
    sum += section * (next - points[i][last]);
  }
  return sum;
}

}  // namespace

double hypervolume(std::span<const Scores> points, const Scores& reference) {
  assert(!reference.empty());
  std::vector<Scores> inside;
  for (const Scores& p : points) {
    assert(p.size() == reference.size());
    if (std::ranges::equal(p, reference, std::less{})) inside.push_back(p);
  }
  return volume(std::move(inside), reference, reference.size());
}

double additive_epsilon(std::span<const Scores> points, std::span<const Scores> targets) {
  assert(!points.empty() && !targets.empty());
  double worst = -std::numeric_limits<double>::infinity();
  for (const Scores& target : targets) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const Scores& p : points) {
      double shift = -std::numeric_limits<double>::infinity();
      for (std::size_t j = 0; j < p.size(); ++j) shift = std::max(shift, p[j] - target[j]);
      nearest = std::min(nearest, shift);
    }
    worst = std::max(worst, nearest);
  }
  return worst;
}

double igd_plus(std::span<const Scores> points, std::span<const Scores> targets) {
  assert(!points.empty() && !targets.empty());
  double sum = 0;
  for (const Scores& target : targets) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const Scores& p : points) {
      double squares = 0;
      for (std::size_t j = 0; j < p.size(); ++j) {
        const double worse = std::max(p[j] - target[j], 0.0);
        squares += worse * worse;
      }
      nearest = std::min(nearest, squares);
    }
    sum += std::sqrt(nearest);
  }
  return sum / double(targets.size());
}

}  // namespace paretune
