#include "profiles/cost_model/step_cost.h"

namespace paretune {

PhaseCost& PhaseCost::operator+=(const PhaseCost& other) {
  for (std::size_t i = 0; i < kPhaseFeatures; ++i) seconds[i] += other.seconds[i];
  return *this;
}

PhaseCost& PhaseCost::operator*=(double factor) {
  for (double& one : seconds) one *= factor;
  return *this;
}

void PhaseCost::add_table(std::size_t at, const std::function<double(int)>& of_rows) {
  for (std::size_t i = 0; i < kKnots; ++i) seconds[at + i] += of_rows(kRowKnots[i]);
}

double StepCost::seconds(const StepShape& shape) const {
  return seconds_of(phases[static_cast<std::size_t>(shape.phase)], shape);
}

double seconds_of(const PhaseCost& cost, const StepShape& shape) {
  double sum = 0;
  for_each_feature(shape,
                   [&](std::size_t feature, double amount) { sum += amount * cost[feature]; });
  return sum;
}

}  // namespace paretune
