// How much a front may still lack, by models of what is not tried: the hypervolume regret of
// posterior samples (Wilson 2024, arXiv:2402.16811, for several objectives).
#pragma once

#include <span>
#include <vector>

#include "search/moments.h"
#include "search/rng.h"
#include "search/strategy.h"

namespace paretune {

// What the models say of one objective at n points.
struct Foretold {
  std::vector<Moments> moments;      // (n)
  std::vector<double> correlations;  // (n, n), row-major, of what is uncertain; empty: none are
};

// Share of the hypervolume of the front and the points together that the front alone lacks: its
// 95 % quantile over joint samples of the points' scores. 0: nothing; 1: all, as where the front
// is empty.
//   objectives: one per component of the reference
//   feasible: per point, the chance that it is; empty: all are
double hypervolume_regret(std::span<const Scores> front, const Scores& reference,
                          std::span<const Foretold> objectives, std::span<const double> feasible,
                          Rng rng);

}  // namespace paretune
