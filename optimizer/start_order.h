// Which of the configs that one would start with is tried next, by what is predicted of them and
// what the trials have shown of the predictions.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "optimizer/study.h"

namespace paretune {

// nullopt: nothing is known of the config's speed. A KL divergence that is NaN is not known either.
using Predict = std::function<std::optional<Prediction>(const DeployConfig&)>;

// Takes the one out that is predicted to meet the limits at the least cost, in their order where
// nothing tells them apart, and drops those that a trial surpasses. What is not known comes last.
// The first after the default is one that is predicted to lose no more than a tenth of what it may,
// where there is one: few questions prove that it keeps its quality. rated: the workload with its
// rate. nullopt: none is left.
std::optional<DeployConfig> take_start(std::vector<DeployConfig>& starts, const Predict& predict,
                                       std::span<const Trial> trials, const Workload& rated);

}  // namespace paretune
