// Whether what is reported can be bet on, with the real engine on this machine:
//
//   trust_bench [--comparisons 100] [--blocks 6] [--slow 0.03] [--drift 0.2] [--seed 1]
//   trust_bench --deployment deploy.json --workload WORKLOAD.json [--runs 20]
//
// One config compared with itself under two names, then with itself slowed down by a plant, then
// both while the machine slows down more and more: how often the interval (95 %) of the ratio of
// their costs calls them different. And a deployment run again at its promised rate: how often it
// keeps its workload's SLO.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/flags.h"
#include "optimizer/paired.h"
#include "profiles/load_run.h"
#include "profiles/speed.h"
#include "profiles/steady_clock.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "runtime/engine/step_runner.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr const char* kDemoWorkload = "workloads/demo/chat.json";

struct Options {
  int comparisons = 100, blocks = 6, runs = 20;
  double slow = 0.03, drift = 0.2;
  std::uint64_t seed = 1;
  std::string deployment, workload;
};

Options parse(int argc, char** argv) {
  Options o;
  read_flags(
      argc, argv,
      {flag("--comparisons", o.comparisons), flag("--blocks", o.blocks), flag("--slow", o.slow),
       flag("--drift", o.drift), flag("--seed", o.seed), flag("--deployment", o.deployment),
       flag("--workload", o.workload), flag("--runs", o.runs)});
  return o;
}

using Steady = std::chrono::steady_clock;

// Every step takes this much longer.
class SlowedRunner final : public StepRunner {
 public:
  SlowedRunner(std::unique_ptr<StepRunner> real, double share)
      : real_(std::move(real)), share_(share) {}
  const ModelShape& shape() const override { return real_->shape(); }
  std::span<const int> end_tokens() const override { return real_->end_tokens(); }
  int cached_layers() const override { return real_->cached_layers(); }
  void run(std::span<const Segment> segments, Phase phase) override {
    const auto begin = Steady::now();
    real_->run(segments, phase);
    const auto until = Steady::now() + (Steady::now() - begin) * share_;
    while (Steady::now() < until) {
    }
  }
  Sampler::Choice next_token(Sampler& sampler) override { return real_->next_token(sampler); }
  double logprob(int token) override { return real_->logprob(token); }

 private:
  std::unique_ptr<StepRunner> real_;
  double share_;
};

class Comparisons {
 public:
  explicit Comparisons(const Options& options) : options_(options) {
    workload_ = load_workload(kDemoWorkload);
    workload_.slo = {};
    workload_.arrival = {.process = &kClosedLoop, .concurrency = 8};
    workload_.num_requests = 24;
    workload_.warmup_requests = 2;
    auto source = open_model(workload_.model_path);
    config_ = default_config({this_machine(), source->shape()});
    config_.weights = parse_policy("all=int8", "trust_bench");
    config_.activations.name = "int8";
    config_ = canonical(config_, {this_machine(), source->shape()});
    model_ = load_model(std::move(source), config_);
    vocabulary_ = ordinary_tokens(*model_.tokenizer);
  }

  void run(const char* title, double slow, double drift) {
    int cheaper = 0, dearer = 0, covered = 0;
    std::vector<double> ratios;
    const double begin = clock_.now();
    for (int i = 0; i < options_.comparisons; ++i) {
      std::vector<std::pair<double, double>> pairs;
      for (int block = 0; block < options_.blocks; ++block) {
        const std::uint64_t seed = options_.seed + std::uint64_t(100 * i + block);
        // Two runs a block: the machine has slowed down a little more by the second.
        const double here = drift * (2 * block) / (2 * options_.blocks),
                     later = drift * (2 * block + 1) / (2 * options_.blocks);
        const bool swapped = block % 2 == 1;
        const double first = seconds_per_token(swapped ? 0 : slow, here, seed);
        const double second = seconds_per_token(swapped ? slow : 0, later, seed);
        pairs.emplace_back(swapped ? second : first, swapped ? first : second);
      }
      const Estimate ratio = cost_ratio(pairs, 0.95);
      cheaper += ratio.high < 1;
      dearer += ratio.low > 1;
      covered += ratio.low <= 1 + slow && ratio.high >= 1 + slow;
      ratios.push_back(ratio.value);
    }
    std::ranges::sort(ratios);
    std::printf("| %s | %d | %d | %d | %d | %.4f [%.4f %.4f] | %.0f s |\n", title,
                options_.comparisons, dearer, cheaper, covered, ratios[ratios.size() / 2],
                ratios[ratios.size() / 10], ratios[ratios.size() * 9 / 10], clock_.now() - begin);
    std::fflush(stdout);
  }

 private:
  double seconds_per_token(double slow, double drift, std::uint64_t seed) {
    Engine engine(std::make_unique<SlowedRunner>(model_runner(*model_.model, *model_.pool),
                                                 (1 + slow) * (1 + drift) - 1),
                  config_);
    return 1 / run_load(engine, workload_, {.concurrency = 8}, seed, vocabulary_, clock_)
                   .output_tokens_per_s;
  }

  Options options_;
  Workload workload_;
  DeployConfig config_;
  LoadedModel model_;
  std::vector<std::int32_t> vocabulary_;
  SteadyClock clock_;
};

void run_deployment(const Options& o) {
  const Deployment deployment = load_deployment(o.deployment);
  Workload workload = load_workload(o.workload);
  const auto rate = deployment.promised.find("requests_per_s");
  if (rate == deployment.promised.end())
    throw std::runtime_error(o.deployment + ": promises no requests_per_s");
  workload.num_requests = counted_requests(workload, rate->second);
  auto source = launched_source(open_model(launched_model(deployment, o.deployment)), deployment,
                                o.deployment);
  const LoadedModel model = load_model(std::move(source), deployment.config, deployment.kernels);
  const std::vector<std::int32_t> vocabulary = ordinary_tokens(*model.tokenizer);
  SteadyClock clock;
  int met = 0;
  for (int i = 0; i < o.runs; ++i) {
    const auto engine = model.engine(deployment.config);
    const LoadRun run = run_load(*engine, workload, {.rate = rate->second},
                                 o.seed + 7919 * std::uint64_t(i + 1), vocabulary, clock);
    met += run.meets_slo;
    std::printf(
        "run %2d: %.1f requests/s, %.0f output tokens/s, TTFT p95 %.1f ms, TPOT p95 %.2f ms%s%s\n",
        i + 1, run.request_rate, run.output_tokens_per_s, run.latency.ttft_ms.percentiles[2].value,
        run.latency.tpot_ms.percentiles[2].value, run.meets_slo ? "" : ", missed ",
        run.missed.c_str());
  }
  std::printf("met its SLO in %d of %d runs at the promised %.1f requests/s\n", met, o.runs,
              rate->second);
}

int run(const Options& o) {
  if (!o.deployment.empty()) {
    run_deployment(o);
    return 0;
  }
  Comparisons comparisons(o);
  std::printf(
      "| the second against the first | comparisons | called dearer | called cheaper | interval "
      "holds the truth | ratio: median [10 %% 90 %%] | took |\n|---|---|---|---|---|---|---|\n");
  comparisons.run("the same", 0, 0);
  char title[96];
  std::snprintf(title, sizeof title, "%.0f %% slower", 100 * o.slow);
  comparisons.run(title, o.slow, 0);
  comparisons.run("the same, on a machine that slows down", 0, o.drift);
  std::snprintf(title, sizeof title, "%.0f %% slower, on a machine that slows down", 100 * o.slow);
  comparisons.run(title, o.slow, o.drift);
  return 0;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) try {
  return paretune::run(paretune::parse(argc, argv));
} catch (const std::exception& error) {
  std::fprintf(stderr, "trust_bench: %s\n", error.what());
  return 1;
}
