// compress: writes a compressed model as GGUF.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "runtime/compression/gguf_export.h"
#include "runtime/engine/pack_cache.h"

namespace {

constexpr char kUsage[] =
    "usage: compress MODEL.gguf --weights POLICY --out FILE.gguf [--calibration TEXT]\n"
    "\n"
    "Writes the model with its weights treated as POLICY says, such as\n"
    "  linear=q4_0:gptq,output=int8_g32:gptq\n"
    "Methods that are calibrated look at the model's own samples, or at the text file TEXT.\n"
    "Formats that GGUF holds exactly: f32, bf16, q4_0, iq4_nl, int8_g32 (Q8_0), q4_k, q6_k.\n"
    "llama.cpp loads the file; so does serve, with the same weights or others.\n";

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

}  // namespace

int main(int argc, char** argv) {
  std::string model, weights, out, texts;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help" || flag == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    std::string* const value = flag == "--weights"       ? &weights
                               : flag == "--out"         ? &out
                               : flag == "--calibration" ? &texts
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
  if (model.empty() || weights.empty() || out.empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    const paretune::Policy policy = paretune::parse_policy(weights, "--weights");
    // What calibration sees of large models is larger than their weights: on disk, while it is
    // needed.
    const ScratchFolder scratch(out);
    paretune::PackCache packs(scratch.path, ~std::uint64_t(0));
    const paretune::ExportedModel written =
        paretune::export_gguf(model, policy, out, &packs, texts);
    std::printf("%s: %.1f MB, %.3f bits a weight, hash %s\n", out.c_str(),
                double(written.bytes) / 1e6, written.bits_per_weight, written.content_hash.c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compress: %s\n", error.what());
    return 1;
  }
}
