// Whole models of real shapes: prefill and decode rates, load time and memory, beside what the
// machine's memory and multipliers allow.
//
//   models_bench [--shape 0.5b,1.1b] [--file q8_0] [--config bf16,int8,int4_g128,int4_g32]
//                [--kernels tuned|default|<family>] [--kv bf16] [--threads N] [--folder DIR]
//                [--quick]
//
// A rate is the median of its rounds with the lowest and the highest; a percentage is of the bytes
// of weights and cache that a step must read over the bandwidth of as many threads, measured before
// each round.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/ceilings.h"
#include "bench/kernels_tuned_here.h"
#include "bench/synthetic_model.h"
#include "profiles/steady_clock.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Median with the lowest and the highest.
struct Rate {
  std::vector<double> values;
  double median() const {
    std::vector<double> sorted = values;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
  void print() const {
    const auto [low, high] = std::ranges::minmax(values);
    std::printf("%9.1f (%.1f .. %.1f)", median(), low, high);
  }
};

std::uint64_t status_kib(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10);
  }
  return 0;
}

struct Bench {
  const LoadedModel& model;
  DeployConfig config;
  const ReadProbe& read;  // of all threads

  std::vector<int> prompt(int tokens, int salt) const {
    std::vector<int> ids(static_cast<std::size_t>(tokens));
    for (int i = 0; i < tokens; ++i) {
      ids[static_cast<std::size_t>(i)] = 3 + (i * 37 + salt * 101) % 250;
    }
    return ids;
  }

  double prefill_seconds(int tokens, int salt) const {
    const std::unique_ptr<Engine> engine = model.engine(config);
    engine->submit({.id = 0,
                    .prompt = prompt(tokens, salt),
                    .sampling = {.max_tokens = 1, .ignore_eos = true}});
    const double begin = now();
    while (!engine->idle()) {
      for (const TokenEvent& event : engine->step()) {
        if (!std::isfinite(event.logprob)) throw std::runtime_error("logits are not finite");
      }
    }
    return now() - begin;
  }

  Rate prefill(int tokens, int rounds) const {
    Rate rate;
    for (int i = 0; i < rounds; ++i) rate.values.push_back(tokens / prefill_seconds(tokens, i));
    return rate;
  }

  // Total tokens per second of `batch` sequences that have `context` tokens each when it begins,
  // and the fraction of the bandwidth, measured before each round, that this takes.
  Rate decode(int batch, int context, int steps, int rounds, double& fraction) const {
    Rate fractions;
    const std::unique_ptr<Engine> engine = model.engine(config);
    for (int i = 0; i < batch; ++i) {
      engine->submit({.id = std::uint64_t(i),
                      .prompt = prompt(context, i),
                      .sampling = {.max_tokens = context, .ignore_eos = true}});
    }
    int begun = 0;
    while (begun < batch) {
      begun = 0;
      if (static_cast<int>(engine->step().size()) == batch) begun = batch;
    }
    Rate rate;
    for (int round = 0; round < rounds; ++round) {
      const double ceiling = read.gb_per_s() * 1e9;
      engine->step();  // the caches as steps leave them
      const double begin = now();
      for (int i = 0; i < steps; ++i) engine->step();
      const double step_s = (now() - begin) / steps;
      rate.values.push_back(batch / step_s);
      fractions.values.push_back(step_bytes(batch, context + 32) / step_s / ceiling);
    }
    fraction = fractions.median();
    return rate;
  }

  // What a step of `batch` sequences reads: weights but for the token embeddings, and their cache.
  double step_bytes(int batch, int context) const {
    const ModelShape& s = model.model->shape();
    const KvFormat& format = *config.kv_cache;  // half a window is exact on average
    const double kv = double(s.n_layers) * batch *
                      double(kv_page_bytes(format, context, s.n_kv_heads, s.head_dim) +
                             kv_recent_bytes(format, format.window / 2, s.n_kv_heads, s.head_dim));
    if (s.n_experts == 0) return double(model.model->weight_bytes()) + kv;
    // Of the experts, as many as independent choices of `batch` tokens reach on average.
    const double skipped = std::pow(1 - double(s.n_experts_used) / s.n_experts, batch);
    const double experts = 3.0 * s.d_model * s.d_ff * s.n_experts * s.n_layers;
    const double bits =
        bits_per_weight(*config.weights.at(LayerKind::down).format, s.d_ff, s.d_model);
    return double(model.model->weight_bytes()) - skipped * experts * bits / 8 + kv;
  }

  // only: a part of a line's name, such as "decode batch 8"
  void run(bool quick, const std::string& only) const {
    const auto wanted = [&](const std::string& name) {
      return name.find(only) != std::string::npos;
    };
    const ModelShape& s = model.model->shape();
    const int context = s.max_seq_len;
    for (const int tokens : {128, 512, 2048}) {
      if (tokens >= context || (quick && tokens != 512)) continue;
      if (!wanted("prefill " + std::to_string(tokens))) continue;
      const Rate rate = prefill(tokens, tokens > 512 ? 2 : 3);
      // Two operations a weight and token; the output head sees the last token only.
      const double operations =
          2.0 * (double(active_parameter_count(s)) - double(s.vocab_size) * s.d_model);
      std::printf("  prefill %4d          tokens/s", tokens);
      rate.print();
      std::printf("  %.2f TOP/s\n", rate.median() * operations * 1e-12);
    }
    double single = 0;
    for (const int batch : {1, 4, 8, 16}) {
      if (quick && batch != 1 && batch != 8) continue;
      if (!wanted("decode batch " + std::to_string(batch) + " @128")) continue;
      double fraction = 0;
      const Rate rate = decode(batch, 128, batch == 1 ? 16 : 9, 7, fraction);
      if (batch == 1) single = rate.median();
      std::printf("  decode batch %2d @ 128 tokens/s", batch);
      rate.print();
      std::printf("  %3.0f %% of bandwidth", 100 * fraction);
      if (batch > 1 && single > 0) std::printf(", x%.1f of batch 1", rate.median() / single);
      std::printf("\n");
    }
    if (context > 2200 && !quick && wanted("decode batch 1 @2048")) {
      double fraction = 0;
      const Rate rate = decode(1, 2048, 16, 7, fraction);
      std::printf("  decode batch  1 @2048 tokens/s");
      rate.print();
      std::printf("  %3.0f %% of bandwidth\n", 100 * fraction);
    }
  }
};

KernelTable tune(const Target& target, const DeployConfig& config, double& seconds) {
  SteadyClock clock;
  const double begin = now();
  KernelTable table = kernels_tuned_here(target, config.weights.formats(), 20, clock);
  seconds = now() - begin;
  return table;
}

LoadedModel load(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                 const KernelTable& table, PackCache* packs, double& seconds) {
  const double begin = now();
  LoadedModel model = load_model(std::move(source), config, table, packs);
  seconds = now() - begin;
  model.source->release_pages();
  return model;
}

// Load times with a pack cache: the first, which fills it, and the second, which maps it; and
// decode from the mapped file.
void second_start(const std::filesystem::path& file, const DeployConfig& config,
                  const KernelTable& table, const ReadProbe& read,
                  const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  PackCache packs(folder, std::uint64_t(32) << 30);
  double first_s = 0, second_s = 0, fraction = 0;
  load(open_model(file), config, table, &packs, first_s);
  const LoadedModel model = load(open_model(file), config, table, &packs, second_s);
  std::printf("  loaded in %.2f s with the pack cache filled, %.2f s from it; there", first_s,
              second_s);
  const Rate rate = Bench{model, config, read}.decode(1, 128, 16, 7, fraction);
  std::printf(" decode batch 1 @ 128");
  rate.print();
  std::printf("  %3.0f %% of bandwidth\n", 100 * fraction);
  std::filesystem::remove_all(folder);
}

int main_of(int argc, char** argv) {
  std::map<std::string, std::string> flags{{"--shape", "0.5b,1.1b"},
                                           {"--file", "q8_0"},
                                           {"--config", "bf16,int8,int4_g128,int4_g32"},
                                           {"--kernels", "tuned"},
                                           {"--kv", "bf16"},
                                           {"--threads", ""},
                                           {"--only", ""},
                                           {"--folder", "build/bench-models"}};
  bool quick = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--quick") {
      quick = true;
    } else if (flags.contains(flag) && i + 1 < argc) {
      flags[flag] = argv[++i];
    } else {
      throw std::runtime_error("unknown option " + flag +
                               "; allowed: --shape, --file, --config, --kernels, --kv, --threads, "
                               "--folder, --only, --quick");
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int threads =
      flags["--threads"].empty() ? this_machine().cores : std::atoi(flags["--threads"].c_str());
  const ReadProbe read(threads);
  std::printf("%s, %d threads: read %.1f GB/s; one thread: VNNI %.2f, AMX int8 %.2f TOP/s\n",
              this_machine().cpu.c_str(), threads, read.gb_per_s(), peak_vnni(), peak_amx_int8());

  std::filesystem::create_directories(flags["--folder"]);
  for (const std::string& shape_name : split(flags["--shape"])) {
    const SyntheticShape& shape = find_synthetic_shape(shape_name);
    const std::filesystem::path file =
        std::filesystem::path(flags["--folder"]) / (shape_name + "-" + flags["--file"] + ".gguf");
    if (!std::filesystem::exists(file)) {
      write_synthetic_model(shape, find_synthetic_type(flags["--file"]), file);
    }
    for (const std::string& name : split(flags["--config"])) {
      std::unique_ptr<ModelSource> source = open_model(file);
      const Target target{this_machine(), source->shape()};
      DeployConfig config = default_config(target);
      config.weights = parse_policy("all=" + name, "--config");
      config.activations.name = config.weights.formats().front()->integer ? "int8" : "bf16";
      set_knob(config, "kv_cache", flags["--kv"], "--kv");
      const std::string kernels = flags["--kernels"];
      if (kernels != "default") {
        set_knob(config, "prefill_kernel", kernels, "--kernels");
        set_knob(config, "decode_kernel", kernels, "--kernels");
      }
      config.prefill_threads = config.decode_threads = threads;
      config.max_batch_size = 16;
      config.prefill_chunk = 512;
      config.kv_cache_tokens = 16 * 512 + 4096;
      config.prefix_caching = false;

      double tuning_s = 0;
      const KernelTable table = kernels == "tuned" ? tune(target, config, tuning_s) : KernelTable{};
      std::ofstream("/proc/self/clear_refs") << 5;
      double load_s = 0;
      const LoadedModel model = load(std::move(source), config, table, nullptr, load_s);
      const double weights = double(model.model->weight_bytes());
      const double count = double(parameter_count(model.model->shape()));
      std::printf("\n%s %s from %s: %.2f GB of weights (%.2f bits each), loaded in %.2f s",
                  shape_name.c_str(), name.c_str(), flags["--file"].c_str(), weights / 1e9,
                  8 * weights /
                      (count - (shape.tied_output ? 0 : double(shape.vocab_size) * shape.d_model)),
                  load_s);
      if (kernels == "tuned") std::printf(", kernels tuned in %.1f s", tuning_s);
      std::printf("\n");
      Bench{model, config, read}.run(quick, flags["--only"]);
      std::printf("  peak memory %.2f GB\n", double(status_kib("VmHWM:")) * 1024 / 1e9);
      if (!quick && flags["--only"].empty()) {
        second_start(file, config, table, read, std::filesystem::path(flags["--folder"]) / "packs");
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) try {
  return paretune::main_of(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "models_bench: %s\n", error.what());
  return 1;
}
