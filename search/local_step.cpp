#include "search/local_step.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <unordered_set>

#include "search/blend.h"
#include "search/improvement.h"
#include "search/scale.h"

namespace paretune {
namespace {

// The fresh points that differ from this one in one dimension, or whose canonical forms do.
std::vector<Point> fresh_neighbours(const TrialLog& log, const Point& center) {
  std::vector<Point> points;
  std::unordered_set<Point, PointHash> seen;
  for (std::size_t d = 0; d < center.size(); ++d) {
    Point point = center;
    for (int choice = 0; choice < log.space().n_choices[d]; ++choice) {
      point[d] = choice;
      std::optional<Point> candidate = log.fresh(point);
      if (candidate && seen.insert(*candidate).second) points.push_back(*std::move(candidate));
    }
  }
  return points;
}

}  // namespace

std::optional<Point> local_step(const TrialLog& log, std::span<const Point> points,
                                std::span<const Scores> scores, const Chances& chances, Rng rng) {
  assert(!points.empty() && points.size() == scores.size());
  const std::vector<double> weights = random_weights(rng, int(scores[0].size()));
  std::vector<double> values;
  for (const Scores& s : scores) values.push_back(tchebycheff(s, weights));
  const auto [low, high] = std::ranges::minmax(values);
  for (double& value : values) value = high > low ? (value - low) / (high - low) : 0;

  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<Point> candidates;
  for (std::size_t i : order) {
    candidates = fresh_neighbours(log, points[i]);
    if (!candidates.empty()) break;
  }
  if (candidates.empty()) return std::nullopt;

  const Blend blend(log.space(), points, values, {}, false, rng);
  const std::vector<Scores> best{{std::ranges::min(blend.denoised())}};
  const Improvement improvement(best, best[0]);
  const std::vector<Moments> foretold = blend.predict(candidates, {});
  std::vector<double> chance(candidates.size(), 1.0);
  if (chances) chance = chances(candidates);
  std::size_t chosen = 0;
  double most = -1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double gain = chance[i] * improvement.expected(std::span(&foretold[i], 1));
    if (gain > most) {
      most = gain;
      chosen = i;
    }
  }
  return candidates[chosen];
}

}  // namespace paretune
