// Each operator's time as a row of its own: what was timed, as text that says nothing else, and
// what it took. So a store can keep them by operator, and a fit can carry those that it is of.
#pragma once

#include <string>
#include <vector>

#include "profiles/cost_model/operator_times.h"

namespace paretune {

struct OperatorTime {
  // JSON, the same for the same operator: "product" of so many rows, with its weights' format and
  // shape, kernel, plan and threads; "cast" of inputs; "attention"; "store" of keys and values.
  std::string op;
  std::vector<double> seconds;  // one; of attention AttentionTime's four
  bool operator==(const OperatorTime&) const = default;
};

std::vector<OperatorTime> rows_of(const OperatorTimes& times);  // by op

// What this CPU lacks the instructions for is left out. Throws std::runtime_error naming `where`.
OperatorTimes operator_times(const std::vector<OperatorTime>& rows, const std::string& where);

}  // namespace paretune
