#include "profiles/cost_model/calibrate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>

#include "profiles/cost_model/operator_timer.h"
#include "profiles/cost_model/simulation.h"
#include "runtime/engine/loaded_model.h"
#include "workloads/random.h"

namespace paretune {
namespace {

constexpr double kOperatorShare = 0.4;  // of the budget, at most
constexpr double kRunSeconds = 0.35;    // of steps in one run
constexpr double kRunShare = 0.06;      // of the budget, for one run of a slow model

constexpr std::size_t kMostRuns = 200;

// What configs may share, each by a number of its own.
class Traits {
 public:
  std::vector<std::size_t> of(const CostTerms& terms, const DeployConfig& config) {
    std::vector<std::size_t> all;
    const auto add = [&](const std::string& name) {
      all.push_back(ids_.emplace(name, ids_.size()).first->second);
    };
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      for (const std::string& bucket : terms.terms(config, phase).buckets) add(bucket);
    }
    add("batch " + std::to_string(config.max_batch_size));
    add("chunk " + std::to_string(config.prefill_chunk));
    add("shard " + std::to_string(config.shard_rows_from));
    add("page " + std::to_string(config.kv_page_tokens));
    add(std::string(config.schedule.name));
    return all;
  }
  std::size_t count() const { return ids_.size(); }

 private:
  std::map<std::string, std::size_t> ids_;
};

// The first `sure` candidates, then the others in an order in which each next one has the most that
// those before it have least.
std::vector<DeployConfig> spread(const CostTerms& terms, std::span<const DeployConfig> candidates,
                                 std::size_t sure) {
  Traits traits;
  std::vector<std::vector<std::size_t>> all;
  for (const DeployConfig& config : candidates) all.push_back(traits.of(terms, config));
  std::vector<int> seen(traits.count());
  std::vector<bool> taken(candidates.size());
  std::vector<DeployConfig> order;
  while (order.size() < std::min(candidates.size(), kMostRuns)) {
    std::size_t best = order.size();
    double most = -1;
    for (std::size_t i = 0; i < all.size() && order.size() >= sure; ++i) {
      if (taken[i]) continue;
      double gain = 0;
      for (const std::size_t trait : all[i]) gain += 1 / std::pow(1.0 + seen[trait], 2);
      if (gain > most) {
        most = gain;
        best = i;
      }
    }
    taken[best] = true;
    for (const std::size_t trait : all[best]) ++seen[trait];
    order.push_back(candidates[best]);
  }
  return order;
}

void shorten(LengthSpec& length, double scale) {
  const auto shorter = [&](int tokens) { return std::max(1, int(std::lround(tokens * scale))); };
  length.value = std::max(1.0, length.value * scale);
  length.std_dev *= scale;
  length.min = shorter(length.min), length.max = shorter(length.max);
  for (int& value : length.values) value = shorter(value);
}

}  // namespace

Workload calibration_workload(const Workload& workload, int requests, double length_scale) {
  Workload changed = workload;
  if (length_scale < 1) {
    for (TrafficClass& traffic : changed.traffic) {
      shorten(traffic.input_seq_len, length_scale);
      shorten(traffic.output_seq_len, length_scale);
      traffic.prefix.prefix_len = int(traffic.prefix.prefix_len * length_scale);
    }
  }
  changed.arrival = {.process = &kClosedLoop};
  changed.num_requests = requests;
  changed.warmup_requests = 2;
  changed.slo = {};
  return changed;
}

DeployConfig quickly_loaded(DeployConfig config) {
  config.weights.rewrite(
      [](const Treatment& treatment) { return Treatment{.format = treatment.format}; });
  config.smoothing = {};
  if (config.activations.name == kStaticInt8) config.activations.name = "int8";
  return config;
}

CostCalibration calibrate_costs(const std::filesystem::path& model, const Target& target,
                                std::span<const DeployConfig> candidates, std::size_t sure,
                                const Workload& workload, const KernelTable& kernels,
                                std::span<const std::int32_t> vocabulary, Clock& clock,
                                double budget_s, std::uint64_t seed, PackCache* packs,
                                OperatorTimes known) {
  const double begin = clock.now();
  CostCalibration result;
  result.times = time_operators(target, candidates, kernels, clock,
                                begin + kOperatorShare * budget_s, std::move(known));
  result.operator_s = clock.now() - begin;

  CostModel rough(CostTerms(target, kernels, result.times), unfitted());
  RandomEngine rng(seed);
  for (const DeployConfig& candidate : spread(rough.terms(), candidates, sure)) {
    if (clock.now() - begin > budget_s) break;
    const DeployConfig config = quickly_loaded(candidate);
    // Between one request at a time and twice a full batch.
    const double most = std::log2(2.0 * config.max_batch_size);
    const int concurrency = static_cast<int>(std::lround(std::exp2(uniform01(rng) * most)));
    CalibrationRun run{.config = config, .level = {.concurrency = concurrency}};
    const double probe =
        simulate_load(target.model, config, rough.step_cost(config),
                      calibration_workload(workload, 16), run.level, seed, vocabulary)
            .seconds;
    run.requests = std::clamp(static_cast<int>(16 * kRunSeconds / std::max(probe, 1e-6)), 6, 96);
    // So that a few configs fit into the budget, however slow the model is.
    const double shortest_s = probe / 16 * (run.requests + 4);
    run.length_scale = std::min(1.0, std::max(4 * kRunSeconds, kRunShare * budget_s) / shortest_s);
    try {
      const LoadedModel loaded = load_model(open_model(model), config, kernels, packs);
      std::vector<double> begins;
      const auto engine = observed_engine(model_runner(*loaded.model, *loaded.pool), config,
                                          [&](const StepShape& shape) {
                                            run.steps.push_back({.shape = shape});
                                            begins.push_back(clock.now());
                                          });
      const auto serve = [&](int requests) {
        return run_load(*engine, calibration_workload(workload, requests, run.length_scale),
                        run.level, seed, vocabulary, clock);
      };
      serve(2);  // pages of the cache and buffers of the model come in
      run.steps.clear();
      begins.clear();
      run.measured = metrics_of(serve(run.requests));
      // From one step's beginning to the next one's: what the engine does between them is in.
      for (std::size_t i = 0; i + 1 < begins.size(); ++i)
        run.steps[i].seconds = begins[i + 1] - begins[i];
      if (!run.steps.empty()) run.steps.pop_back();
    } catch (const std::runtime_error&) {
      continue;
    }
    result.runs.push_back(std::move(run));
  }
  result.run_s = clock.now() - begin - result.operator_s;
  return result;
}

FittedCosts fit_cost_model(const Target& target, const KernelTable& kernels,
                           const CostCalibration& calibration, const Workload& workload,
                           std::span<const std::int32_t> vocabulary, std::uint64_t seed) {
  const CostTerms terms(target, kernels, calibration.times);
  std::vector<CostFit> without;
  CostFit fit = fit_costs(terms, calibration.runs, &without);
  std::vector<LoadMetrics> predicted, measured;
  for (std::size_t i = 0; i < calibration.runs.size(); ++i) {
    const CalibrationRun& run = calibration.runs[i];
    CostModel blind(terms, without[i]);
    predicted.push_back(
        metrics_of(simulate_load(target.model, run.config, blind.step_cost(run.config),
                                 calibration_workload(workload, run.requests, run.length_scale),
                                 run.level, seed, vocabulary)));
    measured.push_back(run.measured);
  }
  return {CostModel(terms, std::move(fit)), prediction_errors(predicted, measured),
          static_cast<int>(calibration.runs.size()), calibration.operator_s + calibration.run_s};
}

}  // namespace paretune
