// What every way of rounding weights costs in quality: mean KL divergence against full precision,
// beside the bits it takes, on a workload's texts.
//
//   quality_bench [--workload FILE] [--model FILE] [--reference FILE] [--policies 'a;b']
//                 [--formats a,b] [--quantizers a,b] [--activations f32]
//                 [--smoothing none] [--kv f32,int8] [--tokens N]
//
// One row per format of the KV cache and policy (runtime/compression/policy.h); without --policies
// one per format and method, all linear layers and the output head being rounded. Bits are those of
// the packed matrices, scales and padding included; ± is a standard error over documents; seconds
// are those of loading, calibration included. --reference compares with another file's full
// precision: what somebody else's quantization of it costs, if --policies all=f32 runs that as it
// is.
#include <chrono>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "profiles/quality.h"
#include "runtime/compression/calibration_texts.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

std::vector<std::string> split(const std::string& list, char separator = ',') {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(separator, begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> policies(std::map<std::string, std::string>& flags) {
  if (!flags["--policies"].empty()) return split(flags["--policies"], ';');
  std::vector<std::string> all;
  for (const std::string& format : split(flags["--formats"])) {
    for (const std::string& quantizer : split(flags["--quantizers"])) {
      all.push_back("all=" + format + (quantizer == "nearest" ? "" : ":" + quantizer));
    }
  }
  return all;
}

int main_of(int argc, char** argv) {
  std::map<std::string, std::string> flags{
      {"--workload", "workloads/demo/chat.json"},
      {"--model", ""},
      {"--reference", ""},
      {"--formats",
       "int8,int8_g32,q6_k,q4_k,int4_g32,int4_g64,int4_g128,int3_g32,int3_g64,int2_g32"},
      {"--quantizers", "nearest,clip,hqq,clip_weighted,gptq"},
      {"--activations", "f32"},
      {"--smoothing", "none"},
      {"--policies", ""},
      {"--kv", "f32"},
      {"--tokens", "6000"}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!flags.contains(argv[i]))
      throw std::runtime_error(std::string("unknown option ") + argv[i]);
    flags[argv[i]] = argv[i + 1];
  }
  Workload workload = load_workload(flags["--workload"]);
  const Workload asked = workload;
  workload.quality.evals.clear();
  const std::filesystem::path path =
      flags["--model"].empty() ? workload.model_path : std::filesystem::path(flags["--model"]);
  const Target target{this_machine(), open_model(path)->shape()};
  const DeployConfig full = full_precision_config(target);
  const std::filesystem::path original =
      flags["--reference"].empty() ? path : std::filesystem::path(flags["--reference"]);
  const LoadedModel exact = load_model(open_model(original), full);
  const QualityPlan plan =
      plan_quality(workload, target.model, *exact.tokenizer, exact.chat ? &*exact.chat : nullptr,
                   {.text_tokens = std::atoi(flags["--tokens"].c_str()), .questions = 0});
  const TokenSequences calibration =
      plan_calibration(asked, target.model, *exact.tokenizer, exact.chat ? &*exact.chat : nullptr);
  const QualityReference reference = measure_reference(exact, full, plan);
  std::printf("%s, %zu predicted tokens, activations %s\n", path.string().c_str(),
              plan.predicted_tokens(), flags["--activations"].c_str());
  std::printf("%-12s %-34s %6s %12s %10s %10s %9s %7s\n", "kv cache", "weights", "bits", "mean KL",
              "±", "p99", "same top", "load s");
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string& kv : split(flags["--kv"])) {
    for (const std::string& text : policies(flags)) rows.emplace_back(kv, text);
  }
  for (const auto& [kv, text] : rows) {
    DeployConfig config = full;
    set_knob(config, "kv_cache", kv, "--kv");
    set_knob(config, "weights", text, "--policies");
    set_knob(config, "activations", flags["--activations"], "--activations");
    set_knob(config, "smoothing", flags["--smoothing"], "--smoothing");
    const DeployConfig meant = canonical(config, target);
    if (!(meant.weights == config.weights) && flags["--policies"].empty()) continue;
    config = meant;
    const double begin = now();
    const LoadedModel model = load_model(calibrated_on(open_model(path), calibration), config);
    const double load_s = now() - begin;
    const Quality quality = measure_quality(model, config, plan, reference);
    const double parameters = double(multiplied_parameter_count(target.model));
    std::printf("%-12s %-34s %6.3f %12.6f %10.6f %10.5f %8.2f%% %7.2f\n", kv.c_str(),
                to_text(config.weights).c_str(),
                8 * double(model.model->weight_bytes()) / parameters, quality.kl_divergence,
                quality.kl_standard_error, quality.kl_p99, 100 * quality.same_top1_fraction,
                load_s);
  }
  return 0;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) try {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return paretune::main_of(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "quality_bench: %s\n", error.what());
  return 1;
}
