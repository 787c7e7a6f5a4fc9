// The points of a large space that a prior thinks best: far more are ranked by it than models can
// be asked about, which is cheap as priors are.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "search/rng.h"
#include "search/space.h"
#include "search/strategy.h"
#include "search/trial_log.h"

namespace paretune {

inline constexpr int kRanked = 1 << 16;  // points drawn

// Of kRanked random points the best by many weighings of the objectives: canonical, no two alike,
// at most about a thousand. Pure; calls prior once for each point drawn.
std::vector<Point> scout(const Space& space,
                         const std::function<std::optional<Judged>(const Point&)>& prior, Rng rng);

// Which components most of the predictions have (all have as many). Those that lack one of them go,
// and the others keep these alone.
std::vector<std::size_t> keep_known(std::vector<Observation>& predicted);

}  // namespace paretune
