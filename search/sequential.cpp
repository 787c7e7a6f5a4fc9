#include "search/sequential.h"

#include <algorithm>
#include <cassert>

#include "search/sobol.h"

namespace paretune {
namespace {

// Draws before a sweep takes over: when this many random points in a row are used up or invalid,
// about one in a thousand is left, and a sweep finds it sooner.
constexpr int kDraws = 1024;

constexpr std::uint64_t kSweepStart = 1, kDecision = 2, kRandom = 3;  // keys of draws

Point sweep_start(const Space& space, std::uint64_t seed) {
  Rng rng{seed, kSweepStart};
  Point start;
  for (int n : space.n_choices) start.push_back(rng.below(n));
  return start;
}

}  // namespace

SequentialStrategy::SequentialStrategy(const Space& space, const SearchSetup& setup)
    : log_(space), setup_(setup), sweep_(space.n_choices, sweep_start(space, setup.seed)) {
  assert(setup.n_objectives >= 1);
  assert(setup.exact.empty() || int(setup.exact.size()) == setup.n_objectives);
}

std::vector<Point> SequentialStrategy::ask(int n) {
  std::vector<Point> points;
  while (int(points.size()) < n) {
    std::optional<Point> point = next();
    if (!point) break;
    assert(fresh(*point) == point &&
           "a strategy asks only valid canonical points, never one twice");
    log_.ask(*point);
    points.push_back(*std::move(point));
  }
  return points;
}

void SequentialStrategy::tell(const Point& point, const std::optional<Judged>& judged) {
  assert(!judged || int(judged->scores.size()) == n_objectives());
  learn(log_.tell(point, judged));
}

std::size_t SequentialStrategy::design_size() const {
  const auto n_searched = std::ranges::count_if(space().n_choices, [](int n) { return n > 1; });
  return std::min<std::size_t>(2 * std::size_t(n_searched), 8);
}

Rng SequentialStrategy::rng(std::uint64_t stage) const {
  return Rng{seed(), kDecision, log_.n_tells(), log_.n_pending(), stage};
}

Point SequentialStrategy::random_point(Rng& rng) const {
  Point point;
  for (int n : space().n_choices) point.push_back(rng.below(n));
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
  const auto end = std::uint32_t(std::min(16 * raw_size(space()) + kDraws, 0x1p20));
  for (; sobol_index_ < end; ++sobol_index_) {
    if (std::optional<Point> point = fresh(sobol_point(space(), sobol_index_, seed())))
      return point;
  }
  return fresh_sweep();
}

std::optional<Point> SequentialStrategy::fresh_sweep() const {
  // Points are used up for good, so where the sweep stands follows from the trials and the pending
  // points.
  return sweep_.find([&](const Point& point) { return fresh(point); });
}

}  // namespace paretune
