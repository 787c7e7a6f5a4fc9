// Pareto dominance and what is computed from it. Scores are minimized, finite, and of one length
// within a call.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "search/strategy.h"

namespace paretune {

// a is no worse in every objective and better in at least one.
bool dominates(const Scores& a, const Scores& b);

// Indices, ascending, of the scores that none of the others dominates. Equal scores are all kept.
std::vector<std::size_t> pareto_front(std::span<const Scores> scores);

// 0 for the front, 1 for the front of the rest, ... (Deb et al. 2002, doi:10.1109/4235.996017,
// section III.A)
std::vector<int> non_dominated_ranks(std::span<const Scores> scores);

// Of each member of one front: the sum over objectives of the gap between its two neighbours,
// relative to the front's range; infinite at the ends (section III.B there). An objective without
// range adds nothing.
std::vector<double> crowding_distances(std::span<const Scores> front);

// Index of the knee: the smallest Euclidean distance to the ideal point after each objective is
// scaled to [0, 1] between the front's best and worst. Ties: the first. A rule without extremes to
// fit, so it holds for any front shape and for one or two points. front: not empty.
std::size_t knee_point(std::span<const Scores> front);

}  // namespace paretune
