#include "search/sequential.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "search/sobol.h"

namespace paretune {
namespace {

// Draws before a sweep takes over: when this many random points in a row are used up or invalid,
// about one in a thousand is left, and a sweep finds it sooner.
constexpr int kDraws = 1024;

constexpr std::uint64_t kSweepStart = 1, kDecision = 2, kRandom = 3;  // keys of draws

Point sweep_start(const Space& space, std::uint64_t seed) {
  check_space(space);
  Rng rng{seed, kSweepStart};
  Point start;
  for (int n : space.n_choices) start.push_back(rng.below(n));
  return start;
}

bool all_finite(const Scores& scores) {
  return std::ranges::all_of(scores, [](double s) { return std::isfinite(s); });
}

}  // namespace

SequentialStrategy::SequentialStrategy(const Space& space, int n_objectives, std::uint64_t seed)
    : space_(space),
      n_objectives_(n_objectives),
      seed_(seed),
      sweep_(space.n_choices, sweep_start(space, seed)) {
  assert(n_objectives >= 1);
}

std::vector<Point> SequentialStrategy::ask(int n) {
  std::vector<Point> points;
  while (int(points.size()) < n) {
    std::optional<Point> point = next();
    if (!point) break;
    assert(fresh(*point) == point &&
           "a strategy asks only valid canonical points, never one twice");
    pending_.insert(*point);
    points.push_back(*std::move(point));
  }
  return points;
}

void SequentialStrategy::tell(const Point& point, const std::optional<Scores>& scores) {
  assert(!scores || int(scores->size()) == n_objectives_);
  Observation trial{canonical_of(space_, point).value_or(point), scores};
  if (scores && !all_finite(*scores)) trial.scores.reset();
  ++n_tells_;
  pending_.erase(trial.point);
  const auto [entry, is_new] = index_.try_emplace(trial.point, trials_.size());
  const std::size_t index = entry->second;
  if (is_new) {
    trials_.push_back(std::move(trial));
  } else {
    trials_[index].scores = std::move(trial.scores);
  }
  learn(index);
}

const Observation* SequentialStrategy::find(const Point& canonical) const {
  const auto entry = index_.find(canonical);
  return entry == index_.end() ? nullptr : &trials_[entry->second];
}

std::vector<Point> SequentialStrategy::pending() const {
  std::vector<Point> points(pending_.begin(), pending_.end());
  std::ranges::sort(points);
  return points;
}

std::size_t SequentialStrategy::design_size() const {
  const auto n_searched = std::ranges::count_if(space_.n_choices, [](int n) { return n > 1; });
  return std::min<std::size_t>(2 * std::size_t(n_searched), 8);
}

std::optional<Point> SequentialStrategy::fresh(const Point& point) const {
  std::optional<Point> canonical = canonical_of(space_, point);
  if (!canonical || index_.contains(*canonical) || pending_.contains(*canonical))
    return std::nullopt;
  return canonical;
}

Rng SequentialStrategy::rng(std::uint64_t stage) const {
  return Rng{seed_, kDecision, n_tells_, pending_.size(), stage};
}

Point SequentialStrategy::random_point(Rng& rng) const {
  Point point;
  for (int n : space_.n_choices) point.push_back(rng.below(n));
  return point;
}

std::optional<Point> SequentialStrategy::fresh_random() const {
  Rng draws = rng(kRandom);
  for (int i = 0; i < kDraws; ++i) {
    if (std::optional<Point> point = fresh(random_point(draws))) return point;
  }
  return fresh_sweep();
}

std::optional<Point> SequentialStrategy::fresh_sobol() {
  // By then the sequence has passed every point of the space many times, or a part of it that no
  // study will try.
  const auto end = std::uint32_t(std::min(16 * raw_size(space_) + kDraws, 0x1p20));
  for (; sobol_index_ < end; ++sobol_index_) {
    if (std::optional<Point> point = fresh(sobol_point(space_, sobol_index_, seed_))) return point;
  }
  return fresh_sweep();
}

std::optional<Point> SequentialStrategy::fresh_sweep() const {
  // Points are used up for good, so where the sweep stands follows from the trials and the pending
  // points.
  return sweep_.find([&](const Point& point) { return fresh(point); });
}

}  // namespace paretune
