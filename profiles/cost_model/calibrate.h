// Measures what the cost model learns from: operators alone, then short load runs of real configs,
// step by step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "profiles/clock.h"
#include "profiles/cost_model/cost_model.h"
#include "runtime/engine/pack_cache.h"
#include "workloads/workload.h"

namespace paretune {

struct CostCalibration {
  OperatorTimes times;
  std::vector<CalibrationRun> runs;
  double operator_s = 0, run_s = 0;  // spent on each
};

// candidates: configs of the space that will be asked about, a few hundred drawn at random; the
// first `sure` are run, then those that together have the most of what differs between them.
// budget_s: of `clock`, loosely.
// vocabulary: as run_load's. A config that does not load is left out. packs: where packed weights
// are kept, if anywhere. known: operators that need not be timed again.
CostCalibration calibrate_costs(const std::filesystem::path& model, const Target& target,
                                std::span<const DeployConfig> candidates, std::size_t sure,
                                const Workload& workload, const KernelTable& kernels,
                                std::span<const std::int32_t> vocabulary, Clock& clock,
                                double budget_s, std::uint64_t seed, PackCache* packs = nullptr,
                                OperatorTimes known = {});

// The workload of a calibration run: closed loop, this many requests, prompts and answers shorter
// by length_scale.
Workload calibration_workload(const Workload& workload, int requests, double length_scale = 1);

// The model that the calibration supports, and what it would have predicted of each of its runs had
// it not seen it, beside what was measured.
struct FittedCosts {
  CostModel model;
  PredictionErrors errors;
  int runs = 0;
  double seconds = 0;  // that calibrating took
};
FittedCosts fit_cost_model(const Target& target, const KernelTable& kernels,
                           const CostCalibration& calibration, const Workload& workload,
                           std::span<const std::int32_t> vocabulary, std::uint64_t seed);

// The same speed, sooner loaded: weights rounded to nearest, nothing pruned, compensated, smoothed
// or removed, and activations cast by no statistics: of a large model these take minutes.
DeployConfig quickly_loaded(DeployConfig config);

}  // namespace paretune
