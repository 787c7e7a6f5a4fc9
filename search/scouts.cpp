#include "search/scouts.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <unordered_set>
#include <utility>

#include "search/scale.h"

namespace paretune {
namespace {

constexpr int kWeighings = 64;
constexpr std::size_t kOfEach = 16;

}  // namespace

std::vector<std::size_t> keep_known(std::vector<Observation>& predicted) {
  std::vector<std::size_t> known;
  const std::size_t n_objectives = predicted.empty() ? 0 : predicted[0].scores->size();
  for (std::size_t j = 0; j < n_objectives; ++j) {
    const auto n = std::ranges::count_if(
        predicted, [&](const Observation& o) { return std::isfinite((*o.scores)[j]); });
    if (2 * std::size_t(n) > predicted.size()) known.push_back(j);
  }
  for (Observation& o : predicted) {
    Scores kept;
    for (const std::size_t j : known) kept.push_back((*o.scores)[j]);
    o.scores = std::move(kept);
  }
  std::erase_if(predicted, [](const Observation& o) {
    return !std::ranges::all_of(*o.scores, [](double score) { return std::isfinite(score); });
  });
  return known;
}

std::vector<Point> scout(const Space& space,
                         const std::function<std::optional<Judged>(const Point&)>& prior, Rng rng) {
  std::unordered_set<Point, PointHash> seen;
  std::vector<Observation> predicted;
  for (int i = 0; i < kRanked; ++i) {
    Point drawn;
    for (const int n : space.n_choices) drawn.push_back(rng.below(n));
    std::optional<Point> point = canonical_of(space, drawn);
    if (!point || !seen.insert(*point).second) continue;
    if (const std::optional<Judged> judged = prior(*point))
      predicted.push_back({*std::move(point), judged->raised(), judged->excess});
  }
  const std::vector<std::size_t> known = keep_known(predicted);
  if (predicted.empty() || known.empty()) return {};
  const int n_objectives = static_cast<int>(known.size());
  const Scale scale(predicted, n_objectives);
  std::vector<Scores> scaled;
  for (const Observation& o : predicted) scaled.push_back(scale(*o.scores));
  std::set<std::size_t> best;
  std::vector<double> distances(scaled.size());
  std::vector<std::size_t> order(scaled.size());
  for (int w = 0; w < kWeighings; ++w) {
    const std::vector<double> weights = random_weights(rng, n_objectives);
    for (std::size_t i = 0; i < scaled.size(); ++i) distances[i] = tchebycheff(scaled[i], weights);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto end = order.begin() + std::ptrdiff_t(std::min(kOfEach, order.size()));
    std::ranges::partial_sort(order, end, {},
                              [&](std::size_t i) { return std::pair(distances[i], i); });
    best.insert(order.begin(), end);
  }
  std::vector<Point> points;
  for (const std::size_t i : best) points.push_back(std::move(predicted[i].point));
  return points;
}

}  // namespace paretune
