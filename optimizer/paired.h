// Two configs measured side by side: the ratio of what they cost, with an interval. Each pair
// shares its requests and its minutes, so that what the machine does to both cancels (Bulej et al.,
// arXiv:2001.05811).
#pragma once

#include <span>
#include <utility>

#include "profiles/measurement.h"

namespace paretune {

// first / second, from two or more pairs of positive costs: the geometric mean and its two-sided
// interval, by Student's t on the logarithms. At 90 %, `high` < 1 is a one-sided test at 5 % that
// the first is the cheaper. Infinite where there is one pair.
Estimate cost_ratio(std::span<const std::pair<double, double>> pairs, double confidence = 0.9);

}  // namespace paretune
