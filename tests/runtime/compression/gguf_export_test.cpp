#include "runtime/compression/gguf_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "runtime/model/exact_repack.h"
#include "runtime/model/tensor_types.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

class GgufExport : public testing::Test {
 protected:
  static std::vector<float> logits(const std::filesystem::path& file, const char* weights) {
    DeployConfig config = exact_config(demo_target());
    config.weights = parse_policy(weights, "test");
    config.activations.name = "int8";
    const LoadedModel model = load_model(open_model(file), config);
    return all_logits(*model.model, config, *model.pool, golden_prompt());
  }
  static std::string bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path to(const char* name) const { return folder_.path() / name; }
  const TemporaryFolder folder_;
};

// Served from the file, the same formats mean the same codes: not a bit of the logits differs from
// those of the original under the policy that made the file.
TEST_F(GgufExport, HoldsThePolicyToTheBit) {
  struct Case {
    const char *made, *served;
  };
  for (const Case& c : {
           Case{"linear=q4_0:clip,output=int8_g32:clip", "linear=q4_0,output=int8_g32"},
           Case{"attention=q6_k,mlp=q4_k:gptq,output=q6_k:clip_weighted",
                "attention=q6_k,mlp=q4_k,output=q6_k"},
           Case{"linear=q4_0:gptq,output=int8_g32:gptq", "linear=q4_0,output=int8_g32"},
           Case{"all=int8_g32:magnitude30", "all=int8_g32"},
       }) {
    const ExportedModel made =
        export_gguf(kDemo, parse_policy(c.made, "test"), to("m.gguf"), nullptr);
    EXPECT_EQ(logits(to("m.gguf"), c.served), logits(kDemo, c.made)) << c.made;
    EXPECT_EQ(made.bytes, std::filesystem::file_size(to("m.gguf")));
    EXPECT_LT(made.bits_per_weight, 10);
  }
}

TEST_F(GgufExport, TheSameInputsGiveTheSameBytes) {
  const Policy policy = parse_policy("linear=q4_0:clip,output=int8_g32", "test");
  const ExportedModel a = export_gguf(kDemo, policy, to("a.gguf"), nullptr);
  const ExportedModel b = export_gguf(kDemo, policy, to("b.gguf"), nullptr);
  EXPECT_EQ(a.content_hash, b.content_hash);
  EXPECT_EQ(bytes(to("a.gguf")), bytes(to("b.gguf")));
  EXPECT_NE(bytes(to("a.gguf")).find("linear=q4_0:clip,output=int8_g32"), std::string::npos);
}

TEST_F(GgufExport, WhatGgufCannotHoldIsRefusedByName) {
  struct Case {
    const char *weights, *part;
  };
  for (const Case& c :
       {Case{"all=int4_g64:gptq", "q4_0, iq4_nl, int8_g32"}, Case{"all=int8", "the format int8"},
        Case{"all=q4_0:rank8", "rank 8"}, Case{"all=q4_0,down@99=q6_k", "layer 99"},
        Case{"all=q4_0:rows10", "rows"}, Case{"all=q4_0:qep", "quantease"}}) {
    try {
      export_gguf(kDemo, parse_policy(c.weights, "test"), to("no.gguf"), nullptr);
      FAIL() << c.weights;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(c.part), std::string::npos) << error.what();
    }
    EXPECT_FALSE(std::filesystem::exists(to("no.gguf")));
  }
  export_gguf(kDemo, parse_policy("all=int8_g32", "test"), to("once.gguf"), nullptr);
  EXPECT_THROW(
      export_gguf(to("once.gguf"), parse_policy("all=q4_0", "test"), to("twice.gguf"), nullptr),
      std::runtime_error);
  EXPECT_THROW(
      export_gguf(kDemo, parse_policy("all=q4_0", "test"), to("no/such/folder.gguf"), nullptr),
      std::runtime_error);
}

// Every block type: what split takes apart, join puts together.
TEST(ExactRepackTest, JoinIsTheWayBack) {
  std::mt19937_64 rng(3);
  for (const ExactRepack& repack : kExactRepacks) {
    if (!repack.join) continue;
    const auto type = std::ranges::find(kTensorTypes, repack.type, &TensorType::name);
    std::vector<std::byte> row(std::size_t(type->block_bytes) * 4), back(row.size());
    for (std::byte& byte : row) byte = std::byte(rng() % 60);  // halves that are numbers
    RowCodes codes;
    repack.split(row, codes);
    repack.join(codes, back);
    EXPECT_EQ(back, row) << repack.type;
  }
}

}  // namespace
}  // namespace paretune
