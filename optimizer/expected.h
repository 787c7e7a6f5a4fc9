// What trials are likely to show when they are measured again. Of many short runs on a noisy
// machine the cheapest were lucky first of all, and the cost model does not know luck.
#pragma once

#include <span>
#include <vector>

#include "optimizer/study.h"

namespace paretune {

// Without drift (drift.h); of a trial that was not measured again yet the cost is the geometric
// mean of what was measured and what was predicted, as far off as predictions were in these trials:
// both err by some 10 to 20 %. Decides what is measured next; never reported as measured.
Objectives expected_objectives(const Trial& trial, std::span<const Trial> trials);

// Of the trials that meet the limits, the front by expected objectives and that as measured: ids,
// the cheapest by expectation first.
std::vector<int> promising(const Study& study);

// Of the trials that meet the limits but for the default, at most n, by expected cost.
std::vector<int> cheapest(const Study& study, std::size_t n);

}  // namespace paretune
