// The finite set of points that a strategy chooses from: the whole space where it is small, else
// random points and what surrounds the points found best. A finite pool makes the maximization
// exact and free of gradients.
#pragma once

#include <optional>
#include <vector>

#include "search/rng.h"
#include "search/trial_log.h"

namespace paretune {

class Pool {
 public:
  explicit Pool(const Space& space);

  // Of a small space: all its canonical points, sorted.
  const std::optional<std::vector<Point>>& whole() const { return whole_; }

  // The fresh ones: of a small space all; of another some that are drawn at random, and some that
  // differ from one of `centers` in one dimension. No point twice.
  std::vector<Point> candidates(const TrialLog& log, const std::vector<Point>& centers,
                                Rng& rng) const;

 private:
  std::optional<std::vector<Point>> whole_;
};

}  // namespace paretune
