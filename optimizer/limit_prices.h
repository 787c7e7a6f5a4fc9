// What every limit costs: how much cheaper the best config would be, and how much more hypervolume
// the front would have, were that limit alone 10 % looser, among what was measured. Rates that a
// trial gave up early cannot be judged again, so it is a bound from below.
#pragma once

#include <vector>

#include "optimizer/study.h"

namespace paretune {

inline constexpr double kRelaxed = 0.1;

// One for each limit of the workload (or default floor), in their order, then one for the budget of
// time. Empty where no trial ran.
std::vector<LimitPrice> limit_prices(const Study& study);

}  // namespace paretune
