// Scores made comparable: each objective's best and worst so far become 0 and 1. Scores that are
// never negative, as times, costs and losses, go on a log scale first: they range over orders of
// magnitude and their ratios matter. A thousandth of the median is added before the logarithm, so
// that a loss of 0 or 1e-12 does not take up the whole range.
#pragma once

#include <span>
#include <vector>

#include "search/rng.h"
#include "search/trial_log.h"

namespace paretune {

class Scale {
 public:
  Scale(std::span<const Observation> trials,
        int n_objectives);  // infeasible trials are passed over

  Scores operator()(const Scores& scores) const;
  Scores inverse(const Scores& scaled) const;

 private:
  struct Axis {
    double offset = 0;          // > 0: the scale is logarithmic
    double low = 0, range = 1;  // after the logarithm; range > 0

    double of(double score) const;
  };
  std::vector<Axis> axes_;
};

// Uniform on the simplex: nonnegative, sum 1.
std::vector<double> random_weights(Rng& rng, int n_objectives);

// Augmented weighted Tchebycheff distance from the ideal point 0 (Steuer and Choo 1983,
// doi:10.1007/BF02591870): any Pareto point is the best of some weights, on a front of any shape.
double tchebycheff(const Scores& scaled, std::span<const double> weights);

}  // namespace paretune
