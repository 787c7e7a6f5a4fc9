#include "runtime/compression/packed_export.h"

#include <gtest/gtest.h>

#include <iterator>

#include "runtime/engine/pack_cache.h"
#include "runtime/model/packed_model.h"
#include "tests/refusal.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"
#include "tests/runtime/model/tiny_folder.h"

namespace paretune {
namespace {

DeployConfig config_of(const Target& target, const char* weights, const char* smoothing) {
  DeployConfig config = default_config(target);
  config.weights = parse_policy(weights, "test");
  config.smoothing.name = smoothing;
  return config;
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class PackedExportTest : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  PackCache packs_{folder_.path() / "packs", 1 << 30};
  const std::filesystem::path file_ = folder_.path() / "small.packed";
};

TEST_F(PackedExportTest, SpeaksAsTheModelItWasMadeOf) {
  const SyntheticModel tiny("tiny");
  const Target target{this_machine(), tiny.open()->shape()};
  struct Case {
    const char *weights, *smoothing;
  };
  for (const Case& c :
       {Case{"all=bf16", "none"}, Case{"linear=nf4_g64:gptq,output=int8:gptq", "hadamard"},
        Case{"qkv=int3_g64:hqq:outliers2:rank4,gate_up=int8:neurons25,down@1=q6_k", "smoothquant"},
        Case{"down=int4_g32:gptq:gradual30,embeddings=int8,norms=bf16", "awq"}}) {
    const DeployConfig config = config_of(target, c.weights, c.smoothing);
    const LoadedModel made = load_model(tiny.open(), config, {}, &packs_);
    const ExportedModel written = export_packed(tiny.open(), config, file_, &packs_);
    const LoadedModel read = load_model(open_model(file_), config);
    EXPECT_EQ(last_logits(read, config, {3, 1, 4, 1, 5}),
              last_logits(made, config, {3, 1, 4, 1, 5}))
        << c.weights;
    EXPECT_EQ(read.source->content_hash(), written.content_hash);
    EXPECT_EQ(written.bytes, read.source->file_bytes());
    EXPECT_EQ(read.source->shape(), made.source->shape());

    const std::string bytes = bytes_of(file_);
    export_packed(tiny.open(), config, file_, nullptr);
    EXPECT_TRUE(bytes == bytes_of(file_)) << c.weights;
  }
}

TEST_F(PackedExportTest, HoldsTheDemoWithItsTokenizerAndChat) {
  const DeployConfig config = config_of(demo_target(), "linear=q4_0,output=int8", "none");
  const auto stored = open_model(kDemo);
  export_packed(open_model(kDemo), config, file_, nullptr);
  const auto packed = open_model(file_);
  EXPECT_EQ(packed->tokenizer(), stored->tokenizer());
  EXPECT_EQ(packed->chat_template(), stored->chat_template());
  EXPECT_EQ(packed->as_packed()->recipe().source_hash, stored->content_hash());
  EXPECT_LT(packed->file_bytes(), stored->file_bytes());
}

TEST_F(PackedExportTest, OtherWeightsAreRefusedAndWhatIsDamagedIsNamed) {
  const SyntheticModel tiny("tiny");
  const Target target{this_machine(), tiny.open()->shape()};
  const DeployConfig config = config_of(target, "linear=int4_g32", "none");
  export_packed(tiny.open(), config, file_, nullptr);
  EXPECT_NE(refusal([&] {
              load_model(open_model(file_), config_of(target, "linear=int8", "none"));
            }).find("allowed: what was packed"),
            std::string::npos);
  DeployConfig fixed = config;
  fixed.activations.name = kStaticInt8;
  EXPECT_NE(
      refusal([&] { load_model(open_model(file_), fixed); }).find("found activations=int8_static"),
      std::string::npos);
  EXPECT_NE(refusal([&] {
              export_packed(open_model(file_), config, file_, nullptr);
            }).find("found a packed file"),
            std::string::npos);

  const std::string whole = bytes_of(file_);
  int refused = 0, tried = 0;
  for (std::size_t at = 8; at < whole.size(); at += whole.size() / 97, ++tried) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 0x55);
    std::ofstream(file_, std::ios::binary) << other;
    refused += !refusal([&] { load_model(open_model(file_), config); }).empty();
    std::ofstream(file_, std::ios::binary) << whole.substr(0, at);
    EXPECT_NE(refusal([&] { open_model(file_); }), "") << at;
  }
  EXPECT_GT(refused, tried * 9 / 10);  // the others are padding
}

}  // namespace
}  // namespace paretune
