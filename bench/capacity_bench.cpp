// What configs can serve at most, side by side: runs of one workload's requests without a pause
// between them (twice the batch in flight), all configs in every round.
//
//   capacity_bench --workload WORKLOAD.json [--requests 512] [--rounds 5] [--seed 1]
//                  [--tuning-seconds 20]
//                  [--config "weights=all=int8 activations=int8 max_batch_size=16"]...
//
// The first row is the untuned default; each --config changes knobs of it. Rows say the median with
// the lowest and the highest of the rounds, and the median of the rounds' ratios to the default: of
// all rounds, and of those before which a line of cache took less, or more, than 100 ns from one
// core to the other.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "bench/core_distance.h"
#include "bench/flags.h"
#include "bench/kernels_tuned_here.h"
#include "profiles/load_run.h"
#include "profiles/speed.h"
#include "profiles/statistics.h"
#include "profiles/steady_clock.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

struct Contender {
  std::string name;
  DeployConfig config;
  LoadedModel model;
  std::vector<double> tokens_per_s;
};

DeployConfig changed(DeployConfig config, const std::string& changes) {
  std::istringstream words(changes);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    set_knob(config, word.substr(0, equals),
             equals == std::string::npos ? "" : word.substr(equals + 1), "--config");
  }
  return config;
}

// Those that tuned plans are for.
std::vector<const WeightFormat*> formats_of(std::span<const DeployConfig> configs) {
  std::set<const WeightFormat*> formats;
  for (const DeployConfig& config : configs) {
    if (config.prefill_kernel.name != "tuned" && config.decode_kernel.name != "tuned") continue;
    for (const WeightFormat* format : config.weights.formats()) formats.insert(format);
  }
  return {formats.begin(), formats.end()};
}

constexpr double kFarNs = 100;

// The rounds for which wanted(round).
template <class Wanted>
void print(const char* which, const std::deque<Contender>& contenders,
           const std::vector<double>& distances, Wanted&& wanted) {
  const auto some_of = [&](const std::vector<double>& values) {
    std::vector<double> some;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (wanted(i)) some.push_back(values[i]);
    return some;
  };
  const std::vector<double> lines = some_of(distances);
  if (lines.empty()) return;
  std::printf("%s: %zu rounds, %.0f ns a line\n\n", which, lines.size(), median(lines));
  std::printf("| config | output tokens/s | over the default |\n|---|---|---|\n");
  const std::vector<double> base = some_of(contenders.front().tokens_per_s);
  for (const Contender& c : contenders) {
    const std::vector<double> rates = some_of(c.tokens_per_s);
    std::vector<double> ratios;
    for (std::size_t i = 0; i < base.size(); ++i) ratios.push_back(rates[i] / base[i]);
    const auto [low, high] = std::ranges::minmax(rates);
    std::printf("| %s | %.0f [%.0f %.0f] | %.2f |\n", c.name.c_str(), median(rates), low, high,
                median(ratios));
  }
  std::printf("\n");
}

int main_of(int argc, char** argv) {
  std::string file;
  std::vector<std::string> changes{""};
  int requests = 512, rounds = 5;
  double tuning_s = 20;
  std::uint64_t seed = 1;
  read_flags(argc, argv,
             {flag("--workload", file), flag("--requests", requests), flag("--rounds", rounds),
              flag("--seed", seed), flag("--tuning-seconds", tuning_s), flag("--config", changes)});
  Workload workload = load_workload(file);
  workload.num_requests = requests;
  workload.slo = {};
  const Target target{this_machine(), open_model(workload.model_path)->shape()};
  std::vector<DeployConfig> configs;
  for (const std::string& words : changes)
    configs.push_back(canonical(changed(default_config(target), words), target));
  SteadyClock clock;
  const KernelTable kernels = kernels_tuned_here(target, formats_of(configs), tuning_s, clock);

  std::deque<Contender> contenders;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    contenders.push_back({i == 0 ? "default" : changes[i],
                          configs[i],
                          load_model(open_model(workload.model_path), configs[i], kernels),
                          {}});
  }
  const std::vector<std::int32_t> vocabulary = ordinary_tokens(*contenders.front().model.tokenizer);
  ThreadPool pair(2);
  std::vector<double> distances;  // by round
  for (int round = 0; round < rounds; ++round) {
    distances.push_back(line_ns(pair, clock));
    for (Contender& c : contenders) {
      const auto engine = c.model.engine(c.config);
      const LoadRun run = run_load(*engine, workload, {.concurrency = 2 * c.config.max_batch_size},
                                   seed + std::uint64_t(round), vocabulary, clock);
      c.tokens_per_s.push_back(run.output_tokens_per_s);
    }
  }
  const auto far = [&](std::size_t round) { return distances[round] > kFarNs; };
  print("all", contenders, distances, [](std::size_t) { return true; });
  print("near", contenders, distances, [&](std::size_t round) { return !far(round); });
  print("far", contenders, distances, far);
  return 0;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) try {
  return paretune::main_of(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "capacity_bench: %s\n", error.what());
  return 1;
}
