// A fitted cost model as JSON text, for the store and for handing it from a child process to its
// parent: one line, exact and strict, as profiles/field_json.h says.
#pragma once

#include <string>
#include <string_view>

#include "profiles/cost_model/calibrate.h"

namespace paretune {

std::string to_json(const FittedCosts& costs);

// target, kernels: those of the calibration. What this CPU lacks the instructions for is left out.
// Throws std::runtime_error naming `where`.
FittedCosts parse_fitted_costs(std::string_view json, const std::string& where,
                               const Target& target, const KernelTable& kernels);

}  // namespace paretune
