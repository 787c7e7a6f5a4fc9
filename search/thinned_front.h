// What a Pareto front is measured against, and a front of fewer points that stands for it.
#pragma once

#include <cstddef>
#include <vector>

#include "search/strategy.h"

namespace paretune {

// The front's worst plus a tenth of its range (Ishibuchi et al. 2018, doi:10.1162/evco_a_00226), at
// least a tenth of the unit of the scores' common scale, so that a front of one point can still be
// extended. front: not empty.
Scores reference_of(const std::vector<Scores>& front);

// The front of these scores, without its most crowded points where it has more than `most`.
std::vector<Scores> thinned_front(const std::vector<Scores>& scores, std::size_t most);

}  // namespace paretune
