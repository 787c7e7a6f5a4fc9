// What configs can serve at most, side by side: runs of one workload's requests without a pause
// between them (twice the batch in flight), all configs in every round.
//
//   capacity_bench --workload WORKLOAD.json [--requests 512] [--rounds 5] [--seed 1]
//                  [--tuning-seconds 20]
//                  [--config "weights=all=int8 activations=int8 max_batch_size=16"]...
//
// The first row is the untuned default; each --config changes knobs of it. Rows say the median with
// the lowest and the highest of the rounds, and the median of the rounds' ratios to the default.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

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
  for (int round = 0; round < rounds; ++round) {
    for (Contender& c : contenders) {
      const auto engine = c.model.engine(c.config);
      const LoadRun run = run_load(*engine, workload, {.concurrency = 2 * c.config.max_batch_size},
                                   seed + std::uint64_t(round), vocabulary, clock);
      c.tokens_per_s.push_back(run.output_tokens_per_s);
    }
  }
  std::printf("| config | output tokens/s | over the default |\n|---|---|---|\n");
  const std::vector<double>& base = contenders.front().tokens_per_s;
  for (const Contender& c : contenders) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < base.size(); ++i) ratios.push_back(c.tokens_per_s[i] / base[i]);
    const auto [low, high] = std::ranges::minmax(c.tokens_per_s);
    std::printf("| %s | %.0f [%.0f %.0f] | %.2f |\n", c.name.c_str(), median(c.tokens_per_s), low,
                high, median(ratios));
  }
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
