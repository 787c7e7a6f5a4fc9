// What measured steps teach: how much of each term a real step pays, and what is left over for
// configs of a kind.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "profiles/cost_model/cost_terms.h"
#include "profiles/cost_model/load_metrics.h"
#include "profiles/load_run.h"

namespace paretune {

struct MeasuredStep {
  StepShape shape;
  double seconds = 0;
};

// A short load run under one config, step by step.
struct CalibrationRun {
  DeployConfig config;
  LoadLevel level;
  int requests = 0;         // counted ones
  double length_scale = 1;  // of their prompts and answers, against the workload's
  std::vector<MeasuredStep> steps;
  LoadMetrics measured{};
};

struct CostFit {
  std::array<double, kCostTerms> amounts{};   // of each term, >= 0
  std::map<std::string, double> log_factors;  // by bucket; what is not there is 0
  bool operator==(const CostFit&) const = default;
};

// As if every operator took in a step just what it takes alone, and all else nothing.
CostFit unfitted();

// Seconds per feature: the fit's amounts of the terms, and what its factors multiply them by. The
// parts of a phase are weighted one by one, the factors of all of them multiply the sum.
PhaseCost weighted(const PhaseTerms& terms, const CostFit& fit);
double factor(const PhaseTerms& terms, const CostFit& fit);

// Amounts by non-negative least squares of relative errors, steps far off all others (somebody took
// the core) counting less; then factors by ridge regression of what is left of each run and phase.
// left_out: for each run the fit to all the others, if it is not null.
CostFit fit_costs(const CostTerms& terms, std::span<const CalibrationRun> runs,
                  std::vector<CostFit>* left_out = nullptr);

}  // namespace paretune
