// How far the analytic cost model is off: calibrated on this machine, then asked about configs that
// it never saw, which are measured for real, at one fixed request rate and at capacity.
//
//   cost_model_bench [workload.json] [--configs 100] [--calibrate 60] [--rank 100000]
//                    [--clock wall|cpu] [--tune 20] [--rate R] [--seed 1] [--csv FILE]
//
// --calibrate, --tune: seconds for the model and, before it, for the kernel tuner. --rate: requests
// a second; unset, 0.7 of what the default config is predicted to serve. --clock cpu: time as the
// serving thread spends it (profiles/thread_clock.h), for machines that are shared with others;
// latencies are then those of an idle machine. Quality is left out: weights are rounded to nearest
// whatever a policy says, which takes the same time to serve and less to load.
//
// "simulated": the engine under simulated time. "traced": what ranks the space in seconds.
// "left out": what the calibration says of itself, each of its runs predicted from all the others.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/flags.h"
#include "bench/kernels_tuned_here.h"
#include "optimizer/config_space.h"
#include "profiles/cost_model/calibrate.h"
#include "profiles/cost_model/simulation.h"
#include "profiles/cost_model/speed_predictor.h"
#include "profiles/sensitivity.h"
#include "profiles/speed.h"
#include "profiles/steady_clock.h"
#include "profiles/thread_clock.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

struct Options {
  std::string workload = "workloads/demo/chat.json";
  int configs = 100;
  double calibrate_s = 60;
  double tune_s = 20;
  int rank = 100'000;
  std::string clock = "wall";
  double rate = 0;
  std::uint64_t seed = 1;
  std::string csv;
};

double wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Options parse(int argc, char** argv) {
  Options o;
  read_flags(argc, argv,
             {flag("--configs", o.configs), flag("--calibrate", o.calibrate_s),
              flag("--tune", o.tune_s), flag("--rank", o.rank), flag("--clock", o.clock),
              flag("--rate", o.rate), flag("--seed", o.seed), flag("--csv", o.csv)},
             &o.workload);
  return o;
}

// Policies as a study has them: everything alike, and mixtures of treatments over kinds.
std::vector<Policy> policies(const Target& target, std::uint64_t seed) {
  std::vector<Policy> all = uniform_policies(kAllKinds);
  const std::vector<Treatment> treatments = sensitivity_treatments(target);
  std::mt19937_64 rng(seed);
  for (int i = 0; i < 20; ++i) {
    Policy policy;
    for (const LayerKind kind : kAllKinds)
      policy.set(kind, {.format = treatments[rng() % treatments.size()].format});
    all.push_back(policy);
  }
  return all;
}

class Configs {
 public:
  Configs(const ConfigSpace& space, std::uint64_t seed) : space_(space), rng_(seed) {}
  // Valid, canonical, none twice.
  std::vector<DeployConfig> draw(int count) {
    std::vector<DeployConfig> drawn;
    while (static_cast<int>(drawn.size()) < count) {
      Point point;
      for (const KnobDomain& knob : space_.knobs())
        point.push_back(static_cast<int>(rng_() % knob.choices.size()));
      const auto canonical = space_.canonical(point);
      if (!canonical || !seen_.insert(*canonical).second) continue;
      drawn.push_back(space_.config(*canonical));
    }
    return drawn;
  }

 private:
  const ConfigSpace& space_;
  std::mt19937_64 rng_;
  std::set<Point> seen_;
};

void print(const char* title, const PredictionErrors& errors) {
  std::printf("\n%s\n  %-18s %8s %8s %8s %8s %6s\n", title, "", "median", "p90", "bias", "rank",
              "n");
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const PredictionError& e = errors[i];
    std::printf("  %-18s %7.1f%% %7.1f%% %8.3f %8.3f %6d\n",
                std::string(kLoadMetrics[i].name).c_str(), 100 * e.median, 100 * e.p90, e.bias,
                e.rank_correlation, e.configs);
  }
}

struct Case {
  DeployConfig config;
  std::array<LoadMetrics, 2> measured, simulated, traced;  // at the rate, saturated
  LoadMetrics again;                                       // measured, saturated, minutes later
};

// A config as it is tried out: loaded in a moment, and warm.
class WarmEngine {
 public:
  WarmEngine(const Workload& workload, const DeployConfig& config, const KernelTable& kernels,
             std::uint64_t seed, std::span<const std::int32_t> vocabulary, Clock& clock)
      : loaded_(load_model(open_model(workload.model_path), config, kernels)),
        engine_(loaded_.engine(config)) {
    run_load(*engine_, calibration_workload(workload, 4), {.concurrency = 4}, seed, vocabulary,
             clock);
  }
  Engine& operator*() { return *engine_; }

 private:
  LoadedModel loaded_;
  std::unique_ptr<Engine> engine_;
};

void write_csv(const std::string& file, const std::vector<Case>& cases) {
  std::ofstream out(file);
  out << "config,load,metric,measured,simulated,traced\n";
  for (const Case& c : cases) {
    std::string config = to_json(c.config);
    std::ranges::replace(config, ',', ';');
    for (std::size_t load = 0; load < 2; ++load) {
      for (std::size_t i = 0; i < kLoadMetrics.size(); ++i) {
        out << '\'' << config << "'," << (load == 0 ? "rate" : "saturated") << ','
            << kLoadMetrics[i].name << ',' << c.measured[load][i] << ',' << c.simulated[load][i]
            << ',' << c.traced[load][i] << '\n';
      }
    }
  }
}

int run(int argc, char** argv) {
  const Options o = parse(argc, argv);
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // minutes pass between lines
  Workload workload = load_workload(o.workload);
  const std::unique_ptr<ModelSource> source = open_model(workload.model_path);
  Target target{this_machine(), source->shape()};
  target.policies = policies(target, o.seed);
  const Tokenizer tokenizer(source->tokenizer());
  const std::vector<std::int32_t> vocabulary = ordinary_tokens(tokenizer);
  SteadyClock steady;
  ThreadClock thread;
  Clock& clock = o.clock == "cpu" ? static_cast<Clock&>(thread) : steady;

  std::vector<const WeightFormat*> formats;
  for (const Policy& policy : target.policies) {
    for (const WeightFormat* format : policy.formats()) {
      if (std::ranges::find(formats, format) == formats.end()) formats.push_back(format);
    }
  }
  double begin = wall();
  KernelTable kernels;
  if (o.tune_s > 0) kernels = kernels_tuned_here(target, formats, o.tune_s, clock);
  std::printf(
      "machine: %s, %d cores; clock: %s; %zu formats, %zu policies; kernels tuned in %.1f s\n",
      target.machine.cpu.c_str(), target.machine.cores, o.clock.c_str(), formats.size(),
      target.policies.size(), wall() - begin);

  const ConfigSpace space(target, workload.space, o.workload);
  Configs configs(space, o.seed);
  const std::vector<DeployConfig> unseen = configs.draw(o.configs);
  begin = wall();
  const CostCalibration calibration =
      calibrate_costs(workload.model_path, target, configs.draw(400), 0, workload, kernels,
                      vocabulary, clock, o.calibrate_s, o.seed);
  const double calibrated = wall() - begin;
  begin = wall();
  FittedCosts fitted = fit_cost_model(target, kernels, calibration, workload, vocabulary, o.seed);
  std::size_t steps = 0;
  for (const CalibrationRun& one : calibration.runs) steps += one.steps.size();
  std::printf(
      "calibrated in %.1f s of wall time (operators %.1f s, runs %.1f s by its clock): %zu points "
      "of "
      "products, %zu runs, %zu steps; fitted in %.1f s\n",
      calibrated, calibration.operator_s, calibration.run_s, calibration.times.points(),
      calibration.runs.size(), steps, wall() - begin);
  constexpr const char* kTermNames[] = {
      "products", "shared products", "attention", "shared attention", "casts",
      "step s",   "shared layer s",  "element s", "sequence s",       "logit s"};
  for (std::size_t i = 0; i < kCostTerms; ++i)
    std::printf("  %-18s %10.3g\n", kTermNames[i], fitted.model.fit().amounts[i]);
  print("left out of the calibration (its own closed-loop runs), simulated against measured",
        fitted.errors);

  SpeedPredictor predictor(std::move(fitted.model), workload, o.seed, vocabulary);
  double rate = o.rate;
  if (rate == 0) rate = 0.7 * predictor.estimate(default_config(target), 1).capacity;
  if (o.rank > 0) {
    begin = wall();
    const std::vector<DeployConfig> many = configs.draw(o.rank);
    std::printf("\ndrew %d distinct canonical configs in %.1f s\n", o.rank, wall() - begin);
    SpeedPredictor fresh(predictor.model(), workload, o.seed, vocabulary);
    begin = wall();
    const double thread_begin = thread.now();
    double sum = 0;
    for (const DeployConfig& config : many) sum += fresh.estimate(config, rate).capacity;
    std::printf(
        "ranked them in %.2f s on one thread (%.2f s of its time), %zu traces included (mean "
        "capacity %.1f/s)\n",
        wall() - begin, thread.now() - thread_begin, fresh.traces(), sum / o.rank);
    std::vector<LoadMetrics> traced, simulated;
    for (std::size_t i = 0; i < std::min<std::size_t>(many.size(), 200); ++i) {
      traced.push_back(fresh.estimate(many[i], rate).at_rate);
      simulated.push_back(fresh.simulate(many[i], {.rate = rate}));
    }
    print("traced against simulated, of 200 of them at the fixed rate",
          prediction_errors(traced, simulated));
  }

  std::printf("\nmeasuring %d unseen configs at %.1f requests/s and saturated\n", o.configs, rate);
  std::vector<Case> cases;
  begin = wall();
  for (const DeployConfig& config : unseen) {
    Case c{.config = config};
    WarmEngine engine(workload, quickly_loaded(config), kernels, o.seed, vocabulary, clock);
    const std::array<LoadLevel, 2> levels{LoadLevel{.rate = rate}, predictor.saturation(config)};
    const SpeedEstimate estimate = predictor.estimate(config, rate);
    c.traced = {estimate.at_rate, estimate.saturated};
    for (std::size_t i = 0; i < levels.size(); ++i) {
      c.measured[i] = metrics_of(run_load(*engine, workload, levels[i], o.seed, vocabulary, clock));
      c.simulated[i] = predictor.simulate(config, levels[i]);
    }
    cases.push_back(std::move(c));
  }
  for (Case& c : cases) {
    WarmEngine engine(workload, quickly_loaded(c.config), kernels, o.seed, vocabulary, clock);
    c.again = metrics_of(
        run_load(*engine, workload, predictor.saturation(c.config), o.seed, vocabulary, clock));
  }
  std::printf("measured in %.1f s\n", wall() - begin);
  for (std::size_t load = 0; load < 2; ++load) {
    std::vector<LoadMetrics> measured, simulated, traced;
    for (const Case& c : cases) {
      measured.push_back(c.measured[load]);
      simulated.push_back(c.simulated[load]);
      traced.push_back(c.traced[load]);
    }
    const std::string where =
        load == 0 ? ", unseen configs at the fixed rate" : ", unseen configs saturated";
    print(("simulated against measured" + where).c_str(), prediction_errors(simulated, measured));
    print(("traced against measured" + where).c_str(), prediction_errors(traced, measured));
  }
  std::vector<LoadMetrics> first, second;
  for (const Case& c : cases) {
    first.push_back(c.measured[1]);
    second.push_back(c.again);
  }
  print("measured minutes later against measured, saturated: what a perfect model would be told",
        prediction_errors(second, first));
  if (!o.csv.empty()) write_csv(o.csv, cases);
  return 0;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) {
  try {
    return paretune::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cost_model_bench: %s\n", error.what());
    return 1;
  }
}
