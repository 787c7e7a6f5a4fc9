#include "search/pool.h"

#include <algorithm>
#include <unordered_set>

#include "search/sweep.h"

namespace paretune {
namespace {

constexpr double kRawPoints = 1 << 16;     // of a space that is enumerated
constexpr std::size_t kWhole = 6000;       // canonical points of a space that is taken whole
constexpr int kRandomPoints = 1024;        // draws
constexpr std::size_t kNeighbours = 2048;  // at most

}  // namespace

Pool::Pool(const Space& space) {
  if (raw_size(space) > kRawPoints) return;
  std::unordered_set<Point, PointHash> seen;
  Sweep sweep(space.n_choices, Point(space.n_choices.size(), 0));
  sweep.find([&](const Point& point) -> std::optional<Point> {
    std::optional<Point> canonical = canonical_of(space, point);
    if (canonical && seen.size() <= kWhole) seen.insert(*std::move(canonical));
    return std::nullopt;
  });
  if (seen.size() > kWhole) return;
  whole_.emplace(seen.begin(), seen.end());
  std::ranges::sort(*whole_);
}

std::vector<Point> Pool::candidates(const TrialLog& log, const std::vector<Point>& centers,
                                    Rng& rng) const {
  std::vector<Point> points;
  if (whole_) {
    for (const Point& point : *whole_) {
      if (log.is_fresh(point)) points.push_back(point);
    }
    return points;
  }
  std::unordered_set<Point, PointHash> seen;
  const auto add = [&](const Point& point) {
    std::optional<Point> candidate = log.fresh(point);
    if (candidate && seen.insert(*candidate).second) points.push_back(*std::move(candidate));
  };
  const std::vector<int>& n_choices = log.space().n_choices;
  for (const Point& center : centers) {
    for (std::size_t d = 0; d < center.size(); ++d) {
      Point point = center;
      for (int choice = 0; choice < n_choices[d]; ++choice) {
        point[d] = choice;
        add(point);
      }
    }
  }
  if (points.size() > kNeighbours) {
    for (std::size_t i = 0; i < kNeighbours; ++i)
      std::swap(points[i], points[i + std::size_t(rng.below(int(points.size() - i)))]);
    points.resize(kNeighbours);
  }
  for (int i = 0; i < kRandomPoints; ++i) {
    Point point;
    for (int n : n_choices) point.push_back(rng.below(n));
    add(point);
  }
  return points;
}

}  // namespace paretune
