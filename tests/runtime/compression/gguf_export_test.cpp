#include "runtime/compression/gguf_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "runtime/compression/gguf_metadata.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/model/exact_repack.h"
#include "runtime/model/tensor_types.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/float8_folder.h"
#include "tests/runtime/model/same_model.h"
#include "tests/runtime/model/synthetic_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

class GgufExport : public testing::Test {
 protected:
  ExportedModel write(const std::filesystem::path& model, const char* weights,
                      const std::filesystem::path& to, const char* smoothing = "none") {
    std::unique_ptr<ModelSource> source = open_model(model);
    DeployConfig config = default_config({this_machine(), source->shape()});
    config.weights = parse_policy(weights, "test");
    config.smoothing.name = smoothing;
    return export_gguf(std::move(source), config, to, &packs_);
  }
  std::vector<float> logits(const std::filesystem::path& file, const char* weights,
                            const char* smoothing = "none") {
    DeployConfig config = exact_config({this_machine(), open_model(file)->shape()});
    config.weights = parse_policy(weights, "test");
    config.activations.name = "int8";
    config.smoothing.name = smoothing;
    const LoadedModel model = load_model(open_model(file), config, {}, &packs_);
    std::vector<int> prompt = golden_prompt();
    for (int& token : prompt) token %= model.source->shape().vocab_size;
    return all_logits(*model.model, config, *model.pool, prompt);
  }
  static std::string bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path to(const char* name) const { return folder_.path() / name; }
  const TemporaryFolder folder_;
  PackCache packs_{folder_.path() / "packs", std::uint64_t(1) << 30};  // calibrated once
};

// Served from the file, the same formats mean the same codes: not a bit of the logits differs from
// those of the original under the policy that made the file.
TEST_F(GgufExport, HoldsThePolicyToTheBit) {
  const SyntheticModel tiny("tiny");  // the demo takes seconds for each
  const std::filesystem::path demo = kDemo, small = tiny.file();
  struct Case {
    const std::filesystem::path& model;
    const char *made, *served, *smoothing = "none";
  };
  for (const Case& c : {
           Case{small, "linear=q4_0:clip,output=int8_g32:clip", "linear=q4_0,output=int8_g32"},
           Case{demo, "attention=q6_k,mlp=q4_k:gptq,output=q6_k:clip_weighted",
                "attention=q6_k,mlp=q4_k,output=q6_k"},
           Case{small, "linear=q4_0:gptq,output=int8_g32:gptq", "linear=q4_0,output=int8_g32"},
           Case{small, "all=int8_g32:magnitude30", "all=int8_g32"},
           Case{small, "all=q4_0:gptq,embeddings=q4_0:gptq,norms=bf16", "all=q4_0,embeddings=q4_0"},
           Case{demo, "linear=q4_0,output=f32", "linear=q4_0,output=f32", "hadamard"},
           Case{small, "all=int8_g32,gate_up=int8_g32:neurons25", "all=int8_g32"},
           Case{demo, "linear=q4_0:clip,output=int8_g32", "linear=q4_0,output=int8_g32",
                "hadamard"},
       }) {
    const ExportedModel made = write(c.model, c.made, to("m.gguf"), c.smoothing);
    EXPECT_EQ(logits(to("m.gguf"), c.served), logits(c.model, c.made, c.smoothing))
        << c.made << ' ' << c.smoothing;
    EXPECT_EQ(made.bytes, std::filesystem::file_size(to("m.gguf")));
    EXPECT_LT(made.bits_per_weight, 10);
  }
}

// Of a small model: QEP takes a minute for the demo's.
TEST_F(GgufExport, HoldsErrorsMadeGoodAndScalesMovedToTheBit) {
  const SyntheticModel tiny("tiny");
  const char* const served = "linear=q4_0,output=int8_g32";
  for (const auto& [made, smoothing] : {std::pair("linear=q4_0:qep,output=int8_g32", "none"),
                                        std::pair("linear=q4_0:clip,output=int8_g32", "awq")}) {
    write(tiny.file(), made, to("m.gguf"), smoothing);
    EXPECT_EQ(logits(to("m.gguf"), served), logits(tiny.file(), made, smoothing)) << made;
  }
}

TEST_F(GgufExport, HoldsExpertsToTheBit) {
  const SyntheticModel experts("tiny-moe");
  const char* const made = "attention=q4_0:gptq,gate_up=q4_0:gptq,down=q4_0:clip,output=int8_g32";
  write(experts.file(), made, to("m.gguf"));
  EXPECT_EQ(logits(to("m.gguf"), "linear=q4_0,output=int8_g32"), logits(experts.file(), made));
}

TEST_F(GgufExport, HoldsFoldersOfEveryArchitecture) {
  for (const ModelShape& shape : {tiny_shape("llama"), tiny_shape("qwen2"), tiny_shape("qwen3"),
                                  tiny_experts("llama"), tiny_experts("qwen3moe")}) {
    const TinyFolder folder(shape);
    const auto source = folder.open();
    write(folder.folder.path(), "all=f32", to("m.gguf"));
    const auto written = open_model(to("m.gguf"));
    expect_same_model(*written, *source);
    EXPECT_EQ(written->tokenizer(), source->tokenizer());
    EXPECT_EQ(written->chat_template(), source->chat_template());
  }
  TinyFolder unnormed(tiny_experts("qwen3moe"));
  unnormed.config["norm_topk_prob"] = false;
  unnormed.write_all();
  EXPECT_THROW(write(unnormed.folder.path(), "all=f32", to("no.gguf")), std::runtime_error);
}

// Rows that are copied as they are stored, queries and keys among them.
TEST_F(GgufExport, HoldsWhatNeedsNoRounding) {
  write(kDemo, "all=bf16", to("m.gguf"));
  expect_same_model(*open_model(to("m.gguf")), *open_model(kDemo));
  EXPECT_LE(std::filesystem::file_size(to("m.gguf")), std::filesystem::file_size(kDemo) + 1000);
}

TEST_F(GgufExport, HoldsWhatGgufHasNoTypeForAsF32) {
  const Float8Folder folder("_scale_inv", {2, 3}, {1, 2, 3, 4, 5, 6});
  const auto source = folder.open();
  write(folder.folder.path(), "all=f32", to("m.gguf"));
  expect_same_model(*open_model(to("m.gguf")), *source);
}

TEST_F(GgufExport, HoldsBiasesOfTurnedRows) {
  ModelShape shape = tiny_shape();
  shape.qkv_bias = true;
  const auto file = folder_.write("tiny.gguf", tiny_gguf(shape).build());
  write(file, "all=f32", to("m.gguf"));
  expect_same_model(*open_model(to("m.gguf")), *open_model(file));
}

// RoPE's divisors and the metadata of a GGUF file stay, but for its alignment.
TEST_F(GgufExport, KeepsWhatTheFileSaysOfTheModel) {
  GgufBuilder gguf = tiny_gguf();
  gguf.alignment = 64;
  gguf.put_u32("general.alignment", 64);
  gguf.put_string("general.license", "ours");
  gguf.add_floats("rope_freqs.weight", {2}, std::vector<float>{1, 8});
  const auto file = folder_.write("tiny.gguf", gguf.build());
  write(file, "all=f32", to("m.gguf"));
  expect_same_model(*open_model(to("m.gguf")), *open_model(file));
  EXPECT_NE(open_model(file)->shape(), tiny_shape());
  EXPECT_NE(bytes(to("m.gguf")).find("general.license"), std::string::npos);
}

TEST_F(GgufExport, HoldsStretchedRope) {
  const nlohmann::json llama3 = {{"rope_type", "llama3"},
                                 {"factor", 8.0},
                                 {"low_freq_factor", 1.0},
                                 {"high_freq_factor", 4.0},
                                 {"original_max_position_embeddings", 512}},
                       linear = {{"rope_type", "linear"}, {"factor", 4.0}},
                       odd = {{"rope_type", "linear"}, {"factor", 2.7}};
  for (const nlohmann::json& scaling : {llama3, linear, odd}) {
    TinyFolder folder(tiny_shape(scaling == llama3 ? "llama" : "qwen2"));
    folder.config["rope_scaling"] = scaling;
    const auto source = folder.open();
    ASSERT_NE(source->shape(), tiny_shape(source->shape().architecture));
    write(folder.folder.path(), "all=f32", to("m.gguf"));
    EXPECT_EQ(open_model(to("m.gguf"))->shape(), source->shape()) << scaling;
  }
}

// A folder whose BPE is of SentencePiece's kind: other readers get scores, ours the merges.
TEST_F(GgufExport, HoldsMergesWithoutScores) {
  const std::filesystem::path folder = "../shared/models/tinystories-656k";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  write(folder, "all=f32", to("m.gguf"));
  const auto source = open_model(folder), written = open_model(to("m.gguf"));
  expect_same_model(*written, *source);
  EXPECT_EQ(written->tokenizer(), source->tokenizer());
  const std::vector<float> scores = scores_of_merges(source->tokenizer());
  const auto of = [&](std::string_view token) {
    const auto& tokens = source->tokenizer().tokens;
    return scores[static_cast<std::size_t>(std::ranges::find(tokens, token) - tokens.begin())];
  };
  EXPECT_EQ(of("th"), -3);       // the third merge
  EXPECT_LT(of("t"), of("th"));  // made by no merge
}

TEST_F(GgufExport, TheSameInputsGiveTheSameBytes) {
  const char* const policy = "linear=q4_0:clip,output=int8_g32";
  const ExportedModel a = write(kDemo, policy, to("a.gguf"));
  const ExportedModel b = write(kDemo, policy, to("b.gguf"));
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
        Case{"all=q4_0:rank8", "rank 8"}, Case{"all=q4_0,down@99=q6_k", "found 99"},
        Case{"all=q4_0:rows10", "rows"}, Case{"all=q4_0:outliers4", "4 outliers"},
        Case{"linear=q4_0,output=int8_g32:rank8", "rank 8"},  // a tied head
        Case{"linear=q4_0:gptq,output=int8", "the format int8"},
        Case{"all=q6_k,gate_up=q6_k:neurons25", "blk.0.ffn_down.weight: found rows of 576"}}) {
    try {
      write(kDemo, c.weights, to("no.gguf"));
      FAIL() << c.weights;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(c.part), std::string::npos) << error.what();
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_EQ(entry.path().string().find("no.gguf"), std::string::npos) << entry.path();
  }
  write(kDemo, "all=int8_g32", to("once.gguf"));
  EXPECT_THROW(write(to("once.gguf"), "all=q4_0", to("twice.gguf")), std::runtime_error);
  EXPECT_THROW(write(kDemo, "all=q4_0", to("no/such/folder.gguf")), std::runtime_error);
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
