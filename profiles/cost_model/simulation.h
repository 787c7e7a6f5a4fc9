// The engine itself under simulated time: its scheduler, its paged cache and its batching are those
// that serve; a forward pass only moves the clock by what the cost model says it takes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "profiles/clock.h"
#include "profiles/cost_model/step_cost.h"
#include "profiles/load_run.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/engine.h"

namespace paretune {

class SimulatedClock final : public Clock {
 public:
  double now() override { return now_; }
  void wait_until(double seconds) override { now_ = std::max(now_, seconds); }
  std::string utc() override { return "1970-01-01T00:00:00Z"; }
  void advance(double seconds) { now_ += seconds; }

 private:
  double now_ = 0;
};

// An engine for models of this shape that computes nothing. on_step is called where the forward
// pass would run. Every sampled token is token 0, so prompts and lengths decide all there is.
std::unique_ptr<Engine> simulated_engine(const ModelShape& shape, const DeployConfig& config,
                                         std::function<void(const StepShape&)> on_step);

// An engine that runs `runner` and calls on_step before each forward pass.
std::unique_ptr<Engine> observed_engine(std::unique_ptr<StepRunner> runner,
                                        const DeployConfig& config,
                                        std::function<void(const StepShape&)> on_step);

// run_load as it would go if steps took what `cost` says. The result's numbers are predictions:
// they belong in no Measurement.
LoadRun simulate_load(const ModelShape& shape, const DeployConfig& config, const StepCost& cost,
                      const Workload& workload, const LoadLevel& level, std::uint64_t seed,
                      std::span<const std::int32_t> vocabulary);

}  // namespace paretune
