// A machine that is slower during one trial than during another: told by the canary that ran beside
// both (profiles/canary.h).
#pragma once

#include <string>

#include "optimizer/study.h"

namespace paretune {

// Of a trial's canary over the default's; 1 where either is not known, or where they differ by no
// more than canaries do on a machine that is steady.
double slowdown(double canary_s, double default_canary_s);

// A trial's objectives as they would have been beside the default, times in proportion to the
// canary. What the search compares; never reported as measured.
Objectives without_drift(const Trial& trial);

// What of it there was, for people; "": none that matters.
std::string drift_text(const Study& study);

}  // namespace paretune
