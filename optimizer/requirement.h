// What a user wants of a deployment that was measured: "ttft:p95<300ms", "accuracy>0.95".
//
//   METRIC[:STATISTIC] (< | <= | > | >= | =) NUMBER [UNIT]
//
// METRIC: a latency metric (ttft, itl, tpot, e2e; with or without _ms) with a percentile or `mean`,
// at the workload's own load; or a row of trial_columns(), or a short name of one (cost, kl, …).
// Without a unit the number is in the metric's own: ms, bytes, $ per million output tokens.
#pragma once

#include <string>
#include <string_view>

#include "optimizer/study.h"

namespace paretune {

enum class Side { at_most, at_least };

struct Requirement {
  std::string text;  // as typed
  std::string name;  // of the metric, with its statistic
  std::string unit;  // of limit and values; "" where it has none
  Side side = Side::at_most;
  bool strict = false;  // < and not <=
  double limit = 0;
  // What is read: a column, or else a percentile (-1: the mean) of a latency metric.
  double (*column)(const Trial&) = nullptr;
  const LatencyMetric* latency = nullptr;
  int percentile = -1;

  double value(const Trial& trial) const;  // not a number where it was not measured
  double value(const LoadRun& run) const;  // of a latency metric
  bool holds(double found) const;          // false for what is not a number
  double excess(double found) const;       // how far it misses, as a ratio >= 1; 1 where it holds
};

// Throws std::runtime_error naming the text, what was found and what is allowed.
Requirement parse_requirement(std::string_view text, Side side);

// The names that parse_requirement knows, in one line.
std::string known_metrics();

}  // namespace paretune
