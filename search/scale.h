// Scores made comparable: each objective's best and worst so far become 0 and 1, on a log scale
// where all are positive, since times and costs range over orders of magnitude and their ratios are
// what matters.
#pragma once

#include <span>
#include <vector>

#include "search/sequential.h"

namespace paretune {

class Scale {
 public:
  Scale(std::span<const Trial> trials, int n_objectives);  // infeasible trials are passed over

  Scores operator()(const Scores& scores) const;

 private:
  struct Axis {
    bool logarithmic;
    double low, range;  // after the logarithm; range > 0
  };
  std::vector<Axis> axes_;
};

// Uniform on the simplex: nonnegative, sum 1.
std::vector<double> random_weights(Rng& rng, int n_objectives);

// Augmented weighted Tchebycheff distance from the ideal point 0 (Steuer and Choo 1983,
// doi:10.1007/BF02591870): any Pareto point is the best of some weights, on a front of any shape.
double tchebycheff(const Scores& scaled, std::span<const double> weights);

}  // namespace paretune
