#include "profiles/calibrated_costs.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "profiles/cost_model/cost_json.h"
#include "profiles/digest.h"
#include "profiles/isolate.h"
#include "runtime/deployment.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr std::size_t kFewestRuns = 3;            // that a fit is believed from
constexpr std::string_view kFailed = "failed: ";  // a kept failure begins so, and goes on in words

std::string key_of(const CostCalibrationTask& task) {
  std::string configs;
  for (const DeployConfig& config : task.candidates) configs += to_json(config) + '\n';
  return digest({"cost model", task.model_hash, task.target.machine.fingerprint, task.build,
                 to_json(task.kernels), configs, std::to_string(task.sure),
                 canonical_speed_json(calibration_workload(task.workload, 1)), task.trace_hash,
                 std::to_string(task.seed)});
}

std::string calibrate(const CostCalibrationTask& task, Clock& clock, double budget_s) {
  const CostCalibration calibration =
      calibrate_costs(task.model, task.target, task.candidates, task.sure, task.workload,
                      task.kernels, task.vocabulary, clock, budget_s, task.seed, task.packs);
  if (calibration.runs.size() < kFewestRuns) {
    char text[120];
    std::snprintf(text, sizeof text, "%zu configs were run in %.3g s, too few to learn from",
                  calibration.runs.size(), budget_s);
    throw std::runtime_error(text);
  }
  return to_json(fit_cost_model(task.target, task.kernels, calibration, task.workload,
                                task.vocabulary, task.seed));
}

}  // namespace

std::optional<CalibratedCosts> calibrated_costs(
    const CostCalibrationTask& task, Store& store, Clock& clock, double budget_s,
    const std::atomic<bool>& stop, const std::function<void(const std::string&)>& say) {
  const std::string key = key_of(task);
  std::optional<std::string> text = store.find_blob(key);
  if (!text) {
    say("calibrating the cost model on short runs of a few configs");
    const ChildResult child =
        run_isolated([&] { return calibrate(task, clock, budget_s); }, 60 + 4 * budget_s, stop);
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
  if (!result.costs)
    say("the cost model could not be calibrated, so the search goes without predictions: " +
        result.failure);
  return result;
}

}  // namespace paretune
