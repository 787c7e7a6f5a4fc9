// compress: writes a compressed model, as GGUF or packed.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "runtime/compression/calibration_texts.h"
#include "runtime/compression/gguf_export.h"
#include "runtime/compression/packed_export.h"
#include "runtime/deployment.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/tokenizer/tokenizer.h"

namespace paretune {
namespace {

constexpr char kUsage[] =
    "usage: compress MODEL --weights POLICY --out FILE [--smoothing NAME] [--calibration TEXT]\n"
    "       compress --deploy DEPLOY.json --out FILE\n"
    "\n"
    "Writes the model with its weights treated as POLICY says, such as\n"
    "  linear=q4_0:gptq,output=int8_g32:gptq\n"
    "or as a deployment of tune has them.\n"
    "\n"
    "MODEL: a GGUF file or a Hugging Face folder.\n"
    "FILE.gguf: for llama.cpp and serve.\n"
    "  Formats that GGUF holds exactly: f32, bf16, q4_0, iq4_nl, int8_g32 (Q8_0), q4_k, q6_k;\n"
    "  no outliers, no compensation.\n"
    "Any other name: packed as the kernels read it, of every policy; serve loads it without\n"
    "  calibrating or packing, with these weights and no others.\n"
    "Methods that are calibrated look at the model's own samples, or at the text file TEXT.\n";

// Beside a file to be written; gone when this is.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::filesystem::path& file)
      : path(file.string() + ".calibration." + std::to_string(getpid())) {
    const std::filesystem::path parent = std::filesystem::absolute(file).parent_path();
    if (!std::filesystem::is_directory(parent))
      throw std::runtime_error(file.string() + ": there is no folder " + parent.string());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path path;
};

ExportedModel compress(std::string model, const std::string& weights, const std::string& smoothing,
                       const std::filesystem::path& texts, const std::filesystem::path& deploy,
                       const std::filesystem::path& out) {
  // What calibration sees of large models is larger than their weights: on disk, while it is
  // needed.
  const ScratchFolder scratch(out);
  PackCache packs(scratch.path, ~std::uint64_t(0));
  const auto write = out.extension() == ".gguf" ? export_gguf : export_packed;
  if (!deploy.empty()) {
    const Deployment deployment = load_deployment(deploy);
    std::unique_ptr<ModelSource> source = open_model(
        model.empty() ? launched_model(deployment, deploy) : std::filesystem::path(model));
    if (const std::string hash = packs.model_hash(*source); hash != deployment.model_hash)
      throw std::runtime_error(source->path().string() + ": found the content hash " + hash +
                               ", allowed: " + deployment.model_hash + " of " + deploy.string());
    return write(launched_source(std::move(source), deployment, deploy), deployment.config, out,
                 &packs);
  }
  std::unique_ptr<ModelSource> source = open_model(model);
  const Target target{this_machine(), source->shape()};
  DeployConfig config = default_config(target);
  set_knob(config, "weights", weights, "--weights");
  set_knob(config, "smoothing", smoothing, "--smoothing");
  check_methods(config.weights, "--weights");
  const Treatment &gate_up = config.weights.at(LayerKind::gate_up),
                  &down = config.weights.at(LayerKind::down);
  if (target.model.n_experts > 0 && (gate_up.side_columns() > 0 || down.side_columns() > 0)) {
    std::fputs("compress: note: experts have no outliers and no compensation\n", stderr);
  }
  if (!texts.empty()) {
    TokenSequences sequences =
        read_calibration_text(texts, Tokenizer(source->tokenizer()), source->shape().max_seq_len);
    source = calibrated_on(std::move(source), std::move(sequences));
  }
  return write(std::move(source), config, out, &packs);
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) {
  using namespace paretune;
  std::string model, weights, out, texts, smoothing = "none", deploy;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help" || flag == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    std::string* const value = flag == "--weights"       ? &weights
                               : flag == "--out"         ? &out
                               : flag == "--calibration" ? &texts
                               : flag == "--smoothing"   ? &smoothing
                               : flag == "--deploy"      ? &deploy
                                                         : nullptr;
    if (value && i + 1 < argc) {
      *value = argv[++i];
    } else if (!value && !flag.starts_with("-") && model.empty()) {
      model = flag;
    } else {
      std::fprintf(stderr, "compress: found %s\n%s", flag.c_str(), kUsage);
      return 2;
    }
  }
  // A deployment says all of it itself.
  const bool whole = deploy.empty() ? !model.empty() && !weights.empty()
                                    : weights.empty() && texts.empty() && smoothing == "none";
  if (out.empty() || !whole) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    const ExportedModel written = compress(model, weights, smoothing, texts, deploy, out);
    std::printf("%s: %.1f MB, %.3f bits a weight, hash %s\n", out.c_str(),
                double(written.bytes) / 1e6, written.bits_per_weight, written.content_hash.c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compress: %s\n", error.what());
    return 1;
  }
}
