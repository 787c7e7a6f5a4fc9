#include "profiles/calibrated_costs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <stdexcept>
#include <utility>

#include "profiles/canary.h"
#include "profiles/cost_model/cost_json.h"
#include "profiles/cost_model/operator_json.h"
#include "profiles/digest.h"
#include "profiles/isolate.h"
#include "runtime/deployment.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr std::size_t kFewestRuns = 3;            // that a fit is believed from
constexpr std::string_view kFailed = "failed: ";  // a kept failure begins so, and goes on in words

// Times are taken over where the canary takes what it took then, but for this: that of operators
// is not known better (bench/trust_results.md).
constexpr double kSamePace = 0.07;

std::string key_of(const CostCalibrationTask& task) {
  std::string configs;
  for (const DeployConfig& config : task.candidates) configs += to_json(config) + '\n';
  return digest({"cost model by operator", task.model_hash, task.target.machine.fingerprint,
                 task.build, to_json(task.kernels), configs, std::to_string(task.sure),
                 canonical_speed_json(calibration_workload(task.workload, 1)), task.trace_hash,
                 std::to_string(task.seed)});
}

std::string calibrate(const CostCalibrationTask& task, OperatorTimes known, Clock& clock,
                      double budget_s) {
  const CostCalibration calibration = calibrate_costs(
      task.model, task.target, task.candidates, task.sure, task.workload, task.kernels,
      task.vocabulary, clock, budget_s, task.seed, task.packs, std::move(known));
  if (calibration.runs.size() < kFewestRuns) {
    char text[120];
    std::snprintf(text, sizeof text, "%zu configs were run in %.3g s, too few to learn from",
                  calibration.runs.size(), budget_s);
    throw std::runtime_error(text);
  }
  return to_json(fit_cost_model(task.target, task.kernels, calibration, task.workload,
                                task.vocabulary, task.seed));
}

// The machine's pace now, undisturbed if any of a few looks was.
double canary_seconds(const CostCalibrationTask& task, Clock& clock) {
  Canary canary(task.target.machine.cores);
  double least = canary.seconds(clock);
  for (int i = 0; i < 2; ++i) least = std::min(least, canary.seconds(clock));
  return least;
}

OperatorScope scope_of(const CostCalibrationTask& task) {
  return {task.model_hash, task.target.machine.fingerprint, task.build};
}

// What was timed before at this pace; nothing, so that all is timed again, where a row does not
// read.
OperatorTimes known_operators(const CostCalibrationTask& task, const Store& store,
                              double canary_s) {
  try {
    std::vector<OperatorTime> known;
    for (OperatorRow& row : store.operators(scope_of(task))) {
      if (std::abs(row.canary_s / canary_s - 1) <= kSamePace)
        known.push_back({std::move(row.op), std::move(row.seconds)});
    }
    return operator_times(known, store.file().string() + ": operator_time");
  } catch (const std::runtime_error&) {
    return {};
  }
}

void keep_operators(const CostCalibrationTask& task, const OperatorTimes& known,
                    const OperatorTimes& times, double canary_s, Store& store, Clock& clock) {
  std::set<std::string> old;
  for (OperatorTime& row : rows_of(known)) old.insert(std::move(row.op));
  std::vector<OperatorRow> rows;
  for (OperatorTime& row : rows_of(times)) {
    if (!old.contains(row.op))
      rows.push_back({std::move(row.op), std::move(row.seconds), canary_s, clock.utc()});
  }
  store.put_operators(scope_of(task), rows);
}

}  // namespace

std::optional<CalibratedCosts> calibrated_costs(
    const CostCalibrationTask& task, Store& store, Clock& clock, double budget_s,
    const std::atomic<bool>& stop, const std::function<void(const std::string&)>& say) {
  const std::string key = key_of(task);
  std::optional<std::string> text = store.find_blob(key);
  const bool is_new = !text;
  double canary_s = 0;
  OperatorTimes known;
  if (is_new) {
    say("calibrating the cost model on short runs of a few configs");
    canary_s = canary_seconds(task, clock);
    known = known_operators(task, store, canary_s);
    const ChildResult child = run_isolated([&] { return calibrate(task, known, clock, budget_s); },
                                           60 + 4 * budget_s, stop);
    if (child.interrupted) return std::nullopt;
    text =
        child.outcome == Outcome::ok
            ? child.output
            : std::string(kFailed) +
                  (child.detail.empty() ? std::string(outcome_name(child.outcome)) : child.detail);
    store.put_blob(key, *text);
  }
  CalibratedCosts result;
  if (text->starts_with(kFailed)) {
    result.failure = text->substr(kFailed.size());
  } else {
    try {
      result.costs = parse_fitted_costs(*text, store.file().string() + ": cost model", task.target,
                                        task.kernels);
    } catch (const std::runtime_error& error) {
      result.failure = error.what();
    }
  }
  if (is_new && result.costs)
    keep_operators(task, known, result.costs->model.terms().times(), canary_s, store, clock);
  if (!result.costs)
    say("the cost model could not be calibrated, so the search goes without predictions: " +
        result.failure);
  return result;
}

}  // namespace paretune
