// How much a front is worth, as one number that reports show over time: the hypervolume that it
// dominates in a box around the default config.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "optimizer/study.h"
#include "search/strategy.h"

namespace paretune {

// From nothing on any axis to twice the default's cost and latency and 1.1 times the worst KL
// divergence among the study's candidates.
class FrontBox {
 public:
  // nullopt: the default did not run.
  static std::optional<FrontBox> of(const Study& study);

  // In the units of the box's axes.
  Scores place(const Objectives& objectives) const;

  // Of the points together, as a share of the box.
  double share(std::span<const Scores> placed) const;

 private:
  Objectives unit_;
};

// Whether a trial counts for the front: of the feasible ones, or of all that ran where none is.
bool is_candidate(const Study& study, const Trial& trial);

// Fills study.progress from its trials.
void trace_progress(Study& study);

}  // namespace paretune
