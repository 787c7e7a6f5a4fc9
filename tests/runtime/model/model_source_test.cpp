#include "runtime/model/model_source.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/same_model.h"
#include "tests/runtime/model/tiny_folder.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

TEST(OpenModel, TheSameModelFromBothFormats) {
  for (const ModelShape& shape : {tiny_shape("llama"), tiny_shape("qwen2"), tiny_shape("qwen3"),
                                  tiny_experts("llama"), tiny_experts("qwen3moe")}) {
    const TinyFolder hugging_face(shape);
    const TemporaryFolder gguf;
    const auto file = gguf.write("model.gguf", tiny_gguf(shape).build());
    expect_same_model(*hugging_face.open(), *open_model(file));
    expect_same_model(*open_model(gguf.path()), *open_model(file));
  }
}

TEST(OpenModel, KnowsItsFiles) {
  const TemporaryFolder folder;
  const Bytes bytes = tiny_gguf().build();
  const auto file = folder.write("a.gguf", bytes);
  const auto copy = folder.write("b.gguf", bytes);
  Bytes changed = bytes;
  changed.back() ^= std::byte{1};
  const auto other = folder.write("c.gguf", changed);
  const auto source = open_model(file);
  EXPECT_EQ(source->path(), file);
  EXPECT_EQ(source->file_bytes(), bytes.size());
  EXPECT_EQ(source->content_hash().size(), 32u);
  EXPECT_EQ(source->content_hash(), open_model(copy)->content_hash());
  EXPECT_NE(source->content_hash(), open_model(other)->content_hash());
  const auto before = read_all(*source, Weight::attn_q, 1);
  source->release_pages();
  EXPECT_EQ(read_all(*source, Weight::attn_q, 1), before);
}

TEST(OpenModel, ThreadsMayReadAtOnce) {
  const TemporaryFolder folder;
  const auto source = open_model(folder.write("a.gguf", tiny_gguf().build()));
  std::vector<std::vector<float>> results(4);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results)
      threads.emplace_back([&] { result = read_all(*source, Weight::attn_q, 1); });
  }
  for (const auto& result : results)
    EXPECT_EQ(result, tiny_weight(tiny_shape(), Weight::attn_q, 1));
}

TEST(OpenModel, NotAModel) {
  const TemporaryFolder folder;
  expect_error([&] { open_model(folder.path() / "none.gguf"); }, "cannot be opened: No such file");
  expect_error([&] { open_model(folder.path()); }, "holds neither config.json");
  expect_error([&] { open_model(folder.write("empty.gguf", "")); }, "is empty");
  expect_error([&] { open_model(folder.write("text.gguf", "hello")); }, "is not a GGUF file");
  expect_error([&] { open_model("/dev/null"); }, "is not a regular file");
  expect_error([&] { open_model(folder.path()); }, "but 2");
  fs::create_directory(folder.path() / "folder.gguf");
  expect_error([&] { open_model(folder.path() / "folder.gguf"); }, "holds neither config.json");
}

TEST(HuggingFaceFolder, TokenizerIsCompletedFromTheOtherFiles) {
  TinyFolder tiny;
  tiny.folder.write(
      "tokenizer_config.json",
      R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": "[none]", "add_bos_token": true,
                        "chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "y"}]})");
  tiny.folder.write("generation_config.json", R"({"eos_token_id": [1, 2], "bos_token_id": 2})");
  const auto source = tiny.open();
  const TokenizerData& data = source->tokenizer();
  EXPECT_EQ(data.tokens.size(), 6u);  // padded to the vocabulary
  EXPECT_EQ(data.bos_id, 0);
  EXPECT_EQ(data.eos_id, 1);
  EXPECT_EQ(data.pad_id, -1);
  EXPECT_EQ(data.eog_ids, (std::vector<int>{1, 2}));
  EXPECT_TRUE(data.add_bos);
  EXPECT_EQ(source->chat_template(), "y");
  tiny.folder.write("chat_template.jinja", "z");
  EXPECT_EQ(tiny.open()->chat_template(), "z");
}

TEST(HuggingFaceFolder, ShardsAreFoundThroughTheIndex) {
  TinyFolder whole;
  TinyFolder first;
  TinyFolder second;
  const auto expected = whole.open();
  first.header.clear();
  first.data.clear();
  second.header.clear();
  second.data.clear();
  nlohmann::json map;
  for_each_tensor(tiny_shape(), [&](const WeightInfo& info, int layer,
                                    const std::vector<std::uint64_t>& dims) {
    const std::string name = tensor_name(info.hugging_face, layer);
    (layer == 0 ? first : second).add(name, dims, tiny_weight(tiny_shape(), info.weight, layer));
    map[name] = layer == 0 ? "m-1.safetensors" : "m-2.safetensors";
  });
  const TemporaryFolder folder;
  folder.write("config.json", whole.config.dump());
  folder.write("tokenizer.json", whole.tokenizer.dump());
  folder.write("m-1.safetensors", first.safetensors());
  folder.write("m-2.safetensors", second.safetensors());
  const auto write_index = [&](const nlohmann::json& weight_map) {
    folder.write("model.safetensors.index.json", nlohmann::json{{"weight_map", weight_map}}.dump());
  };
  write_index(map);
  expect_same_model(*open_model(folder.path()), *expected);

  for (const char* name :
       {"../m-1.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "m-1.bin"}) {
    nlohmann::json bad = map;
    bad["lm_head.weight"] = name;
    write_index(bad);
    expect_error([&] { open_model(folder.path()); }, "allowed: *.safetensors in the same folder",
                 name);
  }
  nlohmann::json missing = map;
  missing["lm_head.weight"] = "m-3.safetensors";
  write_index(missing);
  expect_error([&] { open_model(folder.path()); }, "m-3.safetensors: cannot be opened");
  folder.write("m-3.safetensors", second.safetensors());
  expect_error([&] { open_model(folder.path()); }, "is in another file too");
  write_index(nlohmann::json::array());
  expect_error([&] { open_model(folder.path()); }, "$.weight_map must be an object");
}

TEST(HuggingFaceFolder, TiedModelsMayHoldEitherNameOfTheEmbedding) {
  ModelShape shape = tiny_shape();
  shape.tied_output = true;
  const auto expected = TinyFolder(shape).open();
  TinyFolder both(shape);
  both.add("lm_head.weight", {6, 8}, tiny_weight(shape, Weight::token_embedding, 0));
  expect_same_model(*both.open(), *expected);
  TinyFolder head(shape);
  head.header["lm_head.weight"] = head.header["model.embed_tokens.weight"];
  head.header.erase("model.embed_tokens.weight");
  expect_same_model(*head.open(), *expected);
}

TEST(HuggingFaceFolder, BadFoldersAreRefused) {
  TinyFolder missing;
  missing.config["num_hidden_layers"] = 3;
  expect_error([&] { missing.open(); },
               "the tensor 'model.layers.2.input_layernorm.weight' is missing");
  TinyFolder lying;
  lying.config["intermediate_size"] = 13;
  expect_error([&] { lying.open(); },
               "mlp.gate_proj.weight' is (12, 8); the hyper-parameters ask for (13, 8)");
  TinyFolder extra;
  extra.add("model.layers.0.self_attn.o_proj.bias", {8}, std::vector<float>(8));
  expect_error([&] { extra.open(); }, "o_proj.bias' is not part of the architecture");
  TinyFolder ignored;
  ignored.add("model.layers.0.self_attn.rotary_emb.inv_freq", {2}, std::vector<float>(2));
  EXPECT_NO_THROW(ignored.open());
  TinyFolder vocabulary;
  vocabulary.config["eos_token_id"] = 3;
  expect_error([&] { vocabulary.open(); }, "the eos token is number 3, but there are 3 tokens");
  TinyFolder token;
  token.folder.write("tokenizer_config.json", R"({"bos_token": "<bos>"})");
  expect_error([&] { token.open(); }, "$.bos_token is '<bos>', which is not in tokenizer.json");
  TinyFolder json;
  json.write_all();
  json.folder.write("config.json", R"({"model_type": "llama", "model_type": "qwen2"})");
  expect_error([&] { open_model(json.folder.path()); },
               "config.json: the key 'model_type' appears twice");
  json.folder.write("config.json", "[]");
  expect_error([&] { open_model(json.folder.path()); },
               "must be a JSON object, but is of type array");
  TinyFolder no_tokenizer;
  no_tokenizer.write_all();
  fs::remove(no_tokenizer.folder.path() / "tokenizer.json");
  expect_error([&] { open_model(no_tokenizer.folder.path()); }, "has no tokenizer.json");
}

TEST(RealModels, Demo) {
  const auto source = open_model("workloads/demo/demo.gguf");
  const ModelShape& shape = source->shape();
  EXPECT_EQ(shape.architecture, "llama");
  EXPECT_EQ(shape.n_layers, 8);
  EXPECT_EQ(shape.d_model, 256);
  EXPECT_EQ(shape.n_heads, 4);
  EXPECT_EQ(shape.n_kv_heads, 2);
  EXPECT_EQ(shape.head_dim, 64);
  EXPECT_EQ(shape.d_ff, 768);
  EXPECT_EQ(shape.vocab_size, 1536);
  EXPECT_EQ(shape.max_seq_len, 512);
  EXPECT_TRUE(shape.tied_output);
  EXPECT_EQ(parameter_count(shape), 6689024);
  EXPECT_EQ(source->source_format(Weight::attn_q, 0), "BF16");
  EXPECT_EQ(source->source_format(Weight::attn_norm, 7), "F32");
  EXPECT_EQ(source->tokenizer().pre_tokenizer, "smollm");
  EXPECT_EQ(source->tokenizer().merges.size(), 1277u);
  EXPECT_FALSE(source->tokenizer().add_bos);
  EXPECT_TRUE(source->chat_template()->starts_with("{% for message in messages %}"));

  const fs::path folder = "../shared/demo-model/hf";
  if (!fs::exists(folder)) GTEST_SKIP() << "skipped: " << folder << " is not here";
  const auto hugging_face = open_model(folder);
  expect_same_model(*source, *hugging_face);
  EXPECT_EQ(source->chat_template(), hugging_face->chat_template());
  EXPECT_EQ(source->tokenizer().tokens, hugging_face->tokenizer().tokens);
  EXPECT_EQ(source->tokenizer().merges, hugging_face->tokenizer().merges);
  EXPECT_EQ(source->tokenizer().eog_ids, hugging_face->tokenizer().eog_ids);
}

TEST(RealModels, Stories260K) {
  const fs::path file = "../shared/models/stories260K/stories260K_vespa_tinyllm.gguf";
  if (!fs::exists(file)) GTEST_SKIP() << "skipped: " << file << " is not here";
  const auto source = open_model(file);
  const ModelShape& shape = source->shape();
  EXPECT_EQ(std::vector<int>({shape.n_layers, shape.d_model, shape.n_heads, shape.n_kv_heads,
                              shape.head_dim, shape.d_ff, shape.vocab_size}),
            std::vector<int>({5, 64, 8, 4, 8, 172, 512}));
  EXPECT_EQ(source->tokenizer().kind, TokenizerData::Kind::sentencepiece);
  EXPECT_TRUE(source->tokenizer().add_bos);
  EXPECT_EQ(source->chat_template(), std::nullopt);
}

TEST(RealModels, TinyStories656K) {
  const fs::path folder = "../shared/models/tinystories-656k";
  if (!fs::exists(folder)) GTEST_SKIP() << "skipped: " << folder << " is not here";
  const auto source = open_model(folder);
  const ModelShape& shape = source->shape();
  EXPECT_EQ(std::vector<int>({shape.n_layers, shape.d_model, shape.n_heads, shape.n_kv_heads,
                              shape.head_dim, shape.d_ff, shape.vocab_size}),
            std::vector<int>({2, 128, 8, 4, 16, 384, 2048}));
  EXPECT_EQ(parameter_count(shape), 656000);
  EXPECT_TRUE(source->tokenizer().add_bos);
  EXPECT_EQ(source->tokenizer().bos_id, 1);
  EXPECT_EQ(source->tokenizer().eos_id, 2);
}

}  // namespace
}  // namespace paretune
