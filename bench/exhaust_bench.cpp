// Measures every config of a sub-space of the demo, again and again, so that search strategies can
// be replayed against a front that is known (search_bench --space bench/data/demo).
//
//   exhaust_bench [--out bench/data/demo] [--replicates 8] [--minutes M] [--seed 1]
//
// Appends to OUT/quality.csv and OUT/speed.csv; run again, it goes on where it stopped. Writes what
// the analytic cost model, calibrated for a minute, predicts of every config to OUT/prior.csv. Of a
// replicate every config is run once, in an order of the seed's, those that share loaded weights
// one after the other; before each such group the default config is run (the canary: rows of the
// config number 0), so that a machine that drifts is seen. All replicates of a config get the same
// requests. A run is a closed loop of 8 requests in flight.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/flags.h"
#include "profiles/cost_model/calibrate.h"
#include "profiles/cost_model/load_metrics.h"
#include "profiles/cost_model/speed_predictor.h"
#include "profiles/load_run.h"
#include "profiles/quality.h"
#include "profiles/sensitivity.h"
#include "profiles/speed.h"
#include "profiles/steady_clock.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "search/rng.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr const char* kWorkload = "workloads/demo/chat.json";
constexpr const char* kPolicies[] = {
    "all=bf16",
    "all=int8",
    "linear=int8,output=int4_g32:hqq",
    "linear=int4_g32:hqq,output=int8",
    "linear=nf4_g64,output=int8",
    "all=int4_g32:hqq",
};
constexpr const char* kActivations[] = {"bf16", "int8"};
constexpr const KvFormat* kKv[] = {&kKvBf16, &kKvInt8};
constexpr int kThreads[] = {1, 2};
constexpr int kBatches[] = {1, 2, 3, 4, 6, 8};
constexpr double kCalibrationS = 50;
constexpr int kChunks[] = {32, 64, 128, 256};

struct Options {
  std::filesystem::path out = "bench/data/demo";
  int replicates = 8;
  double minutes = 1e9;
  std::uint64_t seed = 1;
};

Options parse(int argc, char** argv) {
  Options o;
  read_flags(argc, argv,
             {flag("--out", o.out), flag("--replicates", o.replicates),
              flag("--minutes", o.minutes), flag("--seed", o.seed)});
  return o;
}

// Requests that a run is made of: short ones, so that thousands of configs can be run.
Workload short_requests() {
  Workload workload = load_workload(kWorkload);
  workload.slo = {};
  workload.traffic = {
      {.name = "short",
       .input_seq_len =
           {.law = &kLognormalLength, .value = 48, .std_dev = 16, .min = 24, .max = 96},
       .output_seq_len = {
           .law = &kLognormalLength, .value = 12, .std_dev = 4, .min = 8, .max = 20}}};
  workload.arrival = {.process = &kClosedLoop, .concurrency = 8};
  workload.num_requests = 16;
  workload.warmup_requests = 2;
  return workload;
}

struct Group {  // of configs that share loaded weights
  DeployConfig config;
  std::vector<DeployConfig> members;
};

std::vector<Group> groups(const Target& target) {
  std::vector<Group> groups;
  std::vector<DeployConfig> seen;
  for (const char* policy : kPolicies)
    for (const char* activations : kActivations)
      for (const KvFormat* kv : kKv)
        for (const int threads : kThreads) {
          DeployConfig config = default_config(target);
          config.weights = parse_policy(policy, "the sub-space");
          config.activations.name = activations;
          config.kv_cache = kv;
          config.prefill_threads = config.decode_threads = threads;
          Group group;
          for (const int batch : kBatches)
            for (const int chunk : kChunks) {
              config.max_batch_size = batch;
              config.prefill_chunk = chunk;
              const DeployConfig one = canonical(config, target);
              if (std::ranges::find(seen, one) != seen.end()) continue;
              seen.push_back(one);
              group.members.push_back(one);
            }
          if (group.members.empty()) continue;
          group.config = group.members.front();
          groups.push_back(std::move(group));
        }
  return groups;
}

std::string columns(const DeployConfig& c) {
  std::ostringstream text;
  text << '"' << to_text(c.weights) << "\"," << c.activations.name << ',' << c.kv_cache->name << ','
       << c.decode_threads << ',' << c.max_batch_size << ',' << c.prefill_chunk;
  return text.str();
}

// What each line of the file begins with, up to the measured values; a torn last line is cut off.
std::set<std::string> lines_begun(const std::filesystem::path& file, int keys) {
  std::set<std::string> begun;
  std::ifstream in(file);
  std::uintmax_t whole = 0;
  for (std::string line; std::getline(in, line) && !in.eof(); whole += line.size() + 1) {
    std::size_t end = line.rfind('"');
    end = end == std::string::npos ? 0 : end;
    for (int i = 0; i < keys && end != std::string::npos; ++i) end = line.find(',', end + 1);
    begun.insert(line.substr(0, end));
  }
  in.close();
  if (std::filesystem::exists(file)) std::filesystem::resize_file(file, whole);
  return begun;
}

std::string metric_names() {
  std::string names;
  for (const LoadMetric& metric : kLoadMetrics) names += ',' + std::string(metric.name);
  return names;
}

std::string numbers(const LoadMetrics& metrics) {
  std::string text;
  char number[32];
  for (const double value : metrics) {
    std::snprintf(number, sizeof number, ",%.5g", value);
    text += number;
  }
  return text;
}

class Exhaustion {
 public:
  explicit Exhaustion(const Options& options)
      : options_(options),
        workload_(short_requests()),
        target_{this_machine(), open_model(workload_.model_path)->shape()},
        groups_(groups(target_)),
        packs_(std::filesystem::temp_directory_path() / "paretune-exhaust",
               std::uint64_t{1} << 30) {
    for (const Group& group : groups_) n_configs_ += group.members.size();
    std::filesystem::create_directories(options.out);
    default_ = std::make_unique<LoadedModel>(load(default_config(target_)));
    vocabulary_ = ordinary_tokens(*default_->tokenizer);
  }

  void run() {
    std::printf("%zu configs, %d replicates\n", n_configs_, options_.replicates);
    quality();
    prior();
    speed();
  }

 private:
  void speed() {
    const auto file = options_.out / "speed.csv";
    const std::set<std::string> done = lines_begun(file, 6);
    std::ofstream out(file, std::ios::app);
    if (done.empty())
      out << "replicate,config,weights,activations,kv_cache,threads,max_batch_size,prefill_chunk"
          << metric_names() << ",steal_fraction\n";
    const double begin = clock_.now();
    for (int replicate = 1; replicate <= options_.replicates; ++replicate) {
      std::vector<std::size_t> order(groups_.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
      Rng rng{options_.seed, std::uint64_t(replicate)};
      shuffle(order, rng);
      for (const std::size_t g : order) {
        if (clock_.now() - begin > 60 * options_.minutes) return;
        group(g, replicate, done, out, rng);
      }
      std::printf("replicate %d after %.0f s\n", replicate, clock_.now() - begin);
      std::fflush(stdout);
    }
  }

  // Of speed by the cost model; of KL by the sum of what each kind of layer loses alone.
  void prior() {
    const auto file = options_.out / "prior.csv";
    if (std::filesystem::exists(file)) return;
    std::vector<DeployConfig> all, candidates;
    for (const Group& group : groups_)
      all.insert(all.end(), group.members.begin(), group.members.end());
    Rng rng{options_.seed, 0};
    for (int i = 0; i < 200; ++i)
      candidates.push_back(all[std::size_t(rng.below(int(all.size())))]);
    const double begin = clock_.now();
    const CostCalibration calibration =
        calibrate_costs(workload_.model_path, target_, candidates, 0, workload_, {}, vocabulary_,
                        clock_, kCalibrationS, options_.seed);
    FittedCosts fitted =
        fit_cost_model(target_, {}, calibration, workload_, vocabulary_, options_.seed);
    std::printf("calibrated in %.1f s, %zu runs\n", clock_.now() - begin, calibration.runs.size());
    SpeedPredictor predictor(std::move(fitted.model), workload_, workload_.seed, vocabulary_);
    std::ofstream out(file);
    out << "config,weights,activations,kv_cache,threads,max_batch_size,prefill_chunk"
        << metric_names() << ",kl_divergence\n";
    for (std::size_t i = 0; i < all.size(); ++i) {
      char kl[32];
      std::snprintf(kl, sizeof kl, ",%.4g\n", predicted_kl(all[i].weights));
      out << i + 1 << ',' << columns(all[i])
          << numbers(predictor.simulate(all[i], {.concurrency = 8})) << kl;
    }
  }

  double predicted_kl(const Policy& policy) {
    double sum = 0;
    for (const LayerKind kind : kAllKinds) {
      const Treatment& treatment = policy.at(kind);
      const std::string key = std::string(layer_kind_info(kind).name) + '=' + to_text(treatment);
      const auto [entry, is_new] = sensitivities_.try_emplace(key, 0);
      if (is_new)
        entry->second =
            measure_sensitivity([this] { return open_model(workload_.model_path); }, target_, kind,
                                treatment, plan_, reference_, 1500, &packs_)
                .kl_divergence;
      sum += entry->second;
    }
    return sum;
  }

  template <class T>
  static void shuffle(std::vector<T>& items, Rng& rng) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[rng.below(int(i))]);
  }

  LoadedModel load(const DeployConfig& config) {
    return load_model(open_model(workload_.model_path), config, {}, &packs_);
  }

  void quality() {
    const auto file = options_.out / "quality.csv";
    const std::set<std::string> done = lines_begun(file, 3);
    std::ofstream out(file, std::ios::app);
    if (done.empty()) out << "weights,activations,kv_cache,kl_divergence,kl_standard_error\n";
    const DeployConfig full = full_precision_config(target_);
    const LoadedModel exact = load(full);
    plan_ = plan_quality(load_workload(kWorkload), target_.model, *exact.tokenizer,
                         exact.chat ? &*exact.chat : nullptr, {.questions = 0});
    reference_ = measure_reference(exact, full, plan_);
    std::set<std::string> seen;
    for (const Group& group : groups_) {
      const DeployConfig& c = group.config;
      const std::string key = '"' + to_text(c.weights) + "\"," + std::string(c.activations.name) +
                              ',' + std::string(c.kv_cache->name);
      if (!seen.insert(key).second || done.contains(key)) continue;
      const Quality quality = measure_quality(load(c), c, plan_, reference_);
      char numbers[64];
      std::snprintf(numbers, sizeof numbers, ",%.6g,%.3g\n", quality.kl_divergence,
                    quality.kl_standard_error);
      out << key << numbers << std::flush;
    }
  }

  void group(std::size_t g, int replicate, const std::set<std::string>& done, std::ofstream& out,
             Rng& rng) {
    std::vector<std::size_t> order(groups_[g].members.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    shuffle(order, rng);
    const int first = first_config(g);
    std::optional<LoadedModel> model;
    for (const std::size_t i : order) {
      const DeployConfig& config = groups_[g].members[i];
      const std::string key =
          std::to_string(replicate) + ',' + std::to_string(first + int(i)) + ',' + columns(config);
      if (done.contains(key)) continue;
      if (!model) {
        const DeployConfig canary = default_config(target_);
        out << replicate << ",0," << columns(canary) << measured(*default_, canary);
        model.emplace(load(config));
      }
      out << key << measured(*model, config) << std::flush;
    }
  }

  int first_config(std::size_t g) const {
    int first = 1;
    for (std::size_t i = 0; i < g; ++i) first += int(groups_[i].members.size());
    return first;
  }

  std::string measured(const LoadedModel& model, const DeployConfig& config) {
    const auto engine = model.engine(config);
    const LoadRun run =
        run_load(*engine, workload_, {.concurrency = 8}, workload_.seed, vocabulary_, clock_);
    char steal[32];
    std::snprintf(steal, sizeof steal, ",%.3g\n", run.steal_fraction);
    return numbers(metrics_of(run)) + steal;
  }

  Options options_;
  Workload workload_;
  Target target_;
  std::vector<Group> groups_;
  PackCache packs_;
  SteadyClock clock_;
  std::size_t n_configs_ = 0;
  std::unique_ptr<LoadedModel> default_;
  std::vector<std::int32_t> vocabulary_;
  QualityPlan plan_;
  QualityReference reference_;
  std::map<std::string, double> sensitivities_;  // by kind=treatment
};

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) try {
  paretune::Exhaustion(paretune::parse(argc, argv)).run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "exhaust_bench: %s\n", error.what());
  return 1;
}
