// How much a study measures: where the model is slow for the budget, runs of fewer requests and
// quality on less text and fewer questions, so that some configs can be tried at all. Decided from
// the model's size alone (profiles/pace.h), so that a study run again measures the same.
#pragma once

#include <string>

#include "runtime/target.h"
#include "workloads/workload.h"

namespace paretune {

struct Effort {
  Workload workload;   // with what fits
  std::string change;  // what was changed and why, in words; "": nothing
};

Effort fit_to_budget(Workload workload, const Target& target);

}  // namespace paretune
