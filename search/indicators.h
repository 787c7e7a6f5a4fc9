// How good a set of scores is, as one number. Scores are minimized, finite, and of one length
// within a call.
#pragma once

#include <span>

#include "search/strategy.h"

namespace paretune {

// Volume of what the points dominate up to the reference; points not better than it in every
// objective add nothing. Exact. O(n log n) for two objectives, O(n^2) sweep for three, recursion
// over slices beyond.
double hypervolume(std::span<const Scores> points, const Scores& reference);

// The smallest shift by which some point is no worse than each target. Additive epsilon of Zitzler
// et al. 2003, doi:10.1109/TEVC.2003.810758. Neither set is empty.
double additive_epsilon(std::span<const Scores> points, std::span<const Scores> targets);

// Mean over targets of the distance to the region that the points dominate. IGD+ of Ishibuchi et
// al. 2015, doi:10.1007/978-3-319-15892-1_8. Neither set is empty.
double igd_plus(std::span<const Scores> points, std::span<const Scores> targets);

}  // namespace paretune
