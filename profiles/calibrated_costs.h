// The cost model of one model on one machine, calibrated once and kept in the store, so that a
// study run again predicts the same and spends no time on it. Operators' times are kept by
// operator too: the next study of the same model times only those that it does not find, as long as
// the machine's pace is what it was.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "profiles/cost_model/calibrate.h"
#include "profiles/store.h"

namespace paretune {

struct CostCalibrationTask {
  std::filesystem::path model;
  std::string model_hash, build;
  const Target& target;
  std::span<const DeployConfig> candidates;  // as calibrate_costs takes them
  std::size_t sure = 0;
  const Workload& workload;
  std::string trace_hash;  // of the rows that its arrivals replay
  const KernelTable& kernels;
  std::span<const std::int32_t> vocabulary;
  std::uint64_t seed = 1;
  PackCache* packs = nullptr;
};

struct CalibratedCosts {
  std::optional<FittedCosts> costs;
  std::string failure;  // why there are none, in words
};

// Finds what was kept, or calibrates in a child process for about budget_s. A calibration that
// failed is kept too: run again, the study decides the same. nullopt: interrupted. say: told in
// words what happens, if anything does. The calling process must have no other threads.
std::optional<CalibratedCosts> calibrated_costs(const CostCalibrationTask& task, Store& store,
                                                Clock& clock, double budget_s,
                                                const std::atomic<bool>& stop,
                                                const std::function<void(const std::string&)>& say);

}  // namespace paretune
