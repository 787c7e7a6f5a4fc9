// compress: writes a compressed model as GGUF.
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "runtime/compression/gguf_export.h"
#include "runtime/engine/pack_cache.h"

namespace {

constexpr char kUsage[] =
    "usage: compress MODEL.gguf --weights POLICY --out FILE.gguf\n"
    "\n"
    "Writes the model with its weights treated as POLICY says, such as\n"
    "  linear=q4_0:gptq,output=int8_g32:gptq\n"
    "Formats that GGUF holds exactly: f32, bf16, q4_0, int8_g32 (Q8_0), q4_k, q6_k. llama.cpp "
    "loads\n"
    "the file; so does serve, with the same weights or others.\n";

}  // namespace

int main(int argc, char** argv) {
  std::string model, weights, out;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help" || flag == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    std::string* const value = flag == "--weights" ? &weights : flag == "--out" ? &out : nullptr;
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
    const paretune::ExportedModel written = paretune::export_gguf(model, policy, out, nullptr);
    std::printf("%s: %.1f MB, %.3f bits a weight, hash %s\n", out.c_str(),
                double(written.bytes) / 1e6, written.bits_per_weight, written.content_hash.c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "compress: %s\n", error.what());
    return 1;
  }
}
