// One step of a local search that models guide: the objectives weighed at random into one
// (ParEGO, Knowles 2006, doi:10.1109/TEVC.2005.851274), and of what differs in one dimension from
// the best trial under these weights the point that is expected to improve most on it.
//
// On rough spaces of which nothing is known beforehand that finds the front sooner than looking for
// hypervolume everywhere: objectives that rise and fall together, modelled one by one, promise
// trade-offs that are not there, and one model of their sum is not fooled
// (bench/search_results.md).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "search/rng.h"
#include "search/strategy.h"
#include "search/trial_log.h"

namespace paretune {

// points, scores: of the trials that count, not empty; scores on a common scale, range about 1.
// chances: of points, that they would count; empty: all would. nullopt: nothing is fresh near any
// trial.
using Chances = std::function<std::vector<double>(const std::vector<Point>&)>;
std::optional<Point> local_step(const TrialLog& log, std::span<const Point> points,
                                std::span<const Scores> scores, const Chances& chances, Rng rng);

}  // namespace paretune
