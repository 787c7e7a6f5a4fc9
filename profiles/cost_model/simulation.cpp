#include "profiles/cost_model/simulation.h"

#include <utility>

namespace paretune {
namespace {

class SimulatedRunner final : public StepRunner {
 public:
  SimulatedRunner(const ModelShape& shape, std::function<void(const StepShape&)> on_step)
      : shape_(shape), on_step_(std::move(on_step)) {}

  const ModelShape& shape() const override { return shape_; }
  std::span<const int> end_tokens() const override { return {}; }
  int cached_layers() const override { return 0; }
  void run(std::span<const Segment> segments, Phase phase) override {
    on_step_(shape_of(segments, phase));
  }
  Sampler::Choice next_token(Sampler&) override { return {}; }
  double logprob(int) override { return 0; }

 private:
  ModelShape shape_;
  std::function<void(const StepShape&)> on_step_;
};

class ObservedRunner final : public StepRunner {
 public:
  ObservedRunner(std::unique_ptr<StepRunner> runner, std::function<void(const StepShape&)> on_step)
      : runner_(std::move(runner)), on_step_(std::move(on_step)) {}

  const ModelShape& shape() const override { return runner_->shape(); }
  std::span<const int> end_tokens() const override { return runner_->end_tokens(); }
  int cached_layers() const override { return runner_->cached_layers(); }
  void run(std::span<const Segment> segments, Phase phase) override {
    on_step_(shape_of(segments, phase));
    runner_->run(segments, phase);
  }
  Sampler::Choice next_token(Sampler& sampler) override { return runner_->next_token(sampler); }
  double logprob(int token) override { return runner_->logprob(token); }

 private:
  std::unique_ptr<StepRunner> runner_;
  std::function<void(const StepShape&)> on_step_;
};

}  // namespace

std::unique_ptr<Engine> simulated_engine(const ModelShape& shape, const DeployConfig& config,
                                         std::function<void(const StepShape&)> on_step) {
  return std::make_unique<Engine>(std::make_unique<SimulatedRunner>(shape, std::move(on_step)),
                                  config);
}

std::unique_ptr<Engine> observed_engine(std::unique_ptr<StepRunner> runner,
                                        const DeployConfig& config,
                                        std::function<void(const StepShape&)> on_step) {
  return std::make_unique<Engine>(
      std::make_unique<ObservedRunner>(std::move(runner), std::move(on_step)), config);
}

LoadRun simulate_load(const ModelShape& shape, const DeployConfig& config, const StepCost& cost,
                      const Workload& workload, const LoadLevel& level, std::uint64_t seed,
                      std::span<const std::int32_t> vocabulary) {
  SimulatedClock clock;
  const auto engine = simulated_engine(
      shape, config, [&](const StepShape& step) { clock.advance(cost.seconds(step)); });
  return run_load(*engine, workload, level, seed, vocabulary, clock);
}

}  // namespace paretune
