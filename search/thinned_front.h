// A Pareto front among some scores, what it is measured against, and one of fewer points that
// stands for it.
#pragma once

#include <cstddef>
#include <vector>

#include "search/strategy.h"

namespace paretune {

struct Front {
  std::vector<std::size_t> indices;  // into the scores
  std::vector<Scores> scores;        // theirs
};

// Of these alone.
Front front_among(const std::vector<Scores>& scores, const std::vector<std::size_t>& indices);

// The front's worst plus a tenth of its range (Ishibuchi et al. 2018, doi:10.1162/evco_a_00226), at
// least a tenth of the unit of the scores' common scale, so that a front of one point can still be
// extended. front: not empty.
Scores reference_of(const std::vector<Scores>& front);

// The front of these scores, without its most crowded points where it has more than `most`.
std::vector<Scores> thinned_front(const std::vector<Scores>& scores, std::size_t most);

}  // namespace paretune
