#include "runtime/model/gguf_model.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

ModelContents read(const Bytes& bytes) { return read_gguf_model(Gguf(bytes, "test.gguf")); }

// Every weight as tiny_value says, read whole and row by row.
void check_weights(const ModelSource& source) {
  const ModelShape& shape = source.shape();
  for (const WeightInfo& info : kWeights) {
    if (!info.present(shape)) continue;
    const auto [rows, columns] = source.weight_shape(info.weight);
    for (int layer = 0; layer < instances(info, shape); ++layer) {
      std::vector<float> values(static_cast<std::size_t>(rows) * columns);
      source.read_rows(info.weight, layer, 0, rows, values);
      EXPECT_EQ(values, tiny_weight(shape, info.weight, layer)) << info.name << " " << layer;
      for (int row = 0; row < rows; ++row) {
        std::vector<float> one(columns);
        source.read_rows(info.weight, layer, row, row + 1, one);
        EXPECT_EQ(one[columns - 1], tiny_value(info.weight, layer, row, columns - 1)) << info.name;
      }
      EXPECT_EQ(source.source_format(info.weight, layer), "F32");
    }
  }
}

TEST(GgufModel, ReadsEveryArchitecture) {
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    for (const bool tied : {false, true}) {
      ModelShape shape = tiny_shape(architecture);
      shape.tied_output = tied;
      const Bytes bytes = tiny_gguf(shape).build();
      const StoredModel model("test.gguf", {}, read(bytes));
      EXPECT_EQ(model.shape(), shape) << architecture;
      EXPECT_EQ(model.chat_template(), "{{ messages }}");
      check_weights(model);
      std::vector<float> row(8);
      model.read_rows(Weight::output, 0, 5, 6, row);
      EXPECT_EQ(row[0], tiny_value(tied ? Weight::token_embedding : Weight::output, 0, 5, 0));
      EXPECT_TRUE(model.has_weight(Weight::output));
      EXPECT_EQ(model.has_weight(Weight::attn_q_bias), shape.qkv_bias);
      EXPECT_EQ(model.has_weight(Weight::attn_k_norm), shape.qk_norm);
    }
  }
}

TEST(GgufModel, ExpertsOfOneTensorAndOfOneEach) {
  for (const char* architecture : {"llama", "qwen3moe"}) {
    const ModelShape shape = tiny_experts(architecture);
    const Bytes merged = tiny_gguf(shape).build();
    const StoredModel model("test.gguf", {}, read(merged));
    EXPECT_EQ(model.shape(), shape);
    check_weights(model);
    EXPECT_FALSE(model.has_weight(Weight::ffn_gate));

    // Before 2024-04 each expert had tensors of its own.
    GgufBuilder file = tiny_gguf(shape);
    std::erase_if(file.tensors,
                  [](const auto& t) { return t.name.find("_exps") != std::string::npos; });
    for_each_tensor(shape, [&](const WeightInfo& info, int instance, const auto& dims) {
      if (info.repeats != Repeats::per_expert) return;
      file.add_floats(tensor_name(last_name(info.gguf), instance / 3, instance % 3), dims,
                      tiny_weight(shape, info.weight, instance));
    });
    const Bytes split = file.build();
    const StoredModel same("test.gguf", {}, read(split));
    check_weights(same);
  }
}

TEST(GgufModel, ExpertsMayHaveAWidthOfTheirOwn) {
  const ModelShape shape = tiny_experts("qwen3moe");
  GgufBuilder file = tiny_gguf(shape);
  file.put_u32("qwen3moe.expert_feed_forward_length", static_cast<std::uint32_t>(shape.d_ff));
  file.put_u32("qwen3moe.feed_forward_length", 999);
  EXPECT_EQ(read(file.build()).shape, shape);
}

TEST(GgufModel, ActiveParametersLeaveOutWhatATokenSkips) {
  const ModelShape shape = tiny_experts();
  const std::int64_t experts = 2 * 3 * 3 * 12 * 8;  // layers, experts, matrices of 12 x 8
  EXPECT_EQ(active_parameter_count(shape), parameter_count(shape) - experts / 3 - 6 * 8);
  EXPECT_EQ(multiplied_parameter_count(shape), parameter_count(shape) - 6 * 8);
  EXPECT_EQ(active_parameter_count(tiny_shape()), parameter_count(tiny_shape()) - 6 * 8);
}

TEST(GgufModel, LlamaMayHaveBiasesAndTheyAreUnpermutedToo) {
  ModelShape shape = tiny_shape();
  shape.qkv_bias = true;
  const Bytes bytes = tiny_gguf(shape).build();
  const StoredModel model("test.gguf", {}, read(bytes));
  EXPECT_EQ(model.shape(), shape);
  check_weights(model);
}

TEST(GgufModel, ParameterCountIsTheSumOfTheTensors) {
  for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
    const GgufBuilder file = tiny_gguf(tiny_shape(architecture));
    std::size_t bytes = 0;
    for (const auto& tensor : file.tensors) bytes += tensor.data.size();
    EXPECT_EQ(parameter_count(tiny_shape(architecture)), static_cast<std::int64_t>(bytes / 4))
        << architecture;
  }
}

TEST(GgufModel, DefaultsOfOldFiles) {
  GgufBuilder file = tiny_gguf();
  file.erase("llama.attention.key_length");
  file.erase("llama.attention.value_length");
  EXPECT_EQ(read(file.build()).shape, tiny_shape());
}

TEST(GgufModel, Llama3FrequenciesAreDividedByRopeFreqs) {
  GgufBuilder file = tiny_gguf();
  file.add_floats("rope_freqs.weight", {2}, std::vector<float>{1, 8});
  EXPECT_EQ(read(file.build()).shape.rope_inverse_frequencies,
            (std::vector<float>{1.0f, 0.01f / 8}));
}

TEST(GgufModel, LinearRopeScaling) {
  GgufBuilder file = tiny_gguf();
  file.put_string("llama.rope.scaling.type", "linear");
  file.put_f32("llama.rope.scaling.factor", 4);
  EXPECT_EQ(read(file.build()).shape.rope_inverse_frequencies,
            (std::vector<float>{0.25f, 0.0025f}));
}

TEST(GgufModel, SlidingWindowCapsTheContext) {
  GgufBuilder file = tiny_gguf();
  file.put_u32("llama.attention.sliding_window", 16);
  EXPECT_EQ(read(file.build()).shape.max_seq_len, 16);
}

TEST(GgufModel, BadModelsAreRefused) {
  struct Case {
    const char* what;
    std::function<void(GgufBuilder&)> spoil;
    const char* message;
  };
  const auto number = [](const char* key, std::uint32_t value) {
    return [=](GgufBuilder& f) { f.put_u32(key, value); };
  };
  const auto without = [](const char* key) { return [=](GgufBuilder& f) { f.erase(key); }; };
  const std::vector<Case> cases{
      {"architecture", [](GgufBuilder& f) { f.put_string("general.architecture", "gemma3"); },
       "test.gguf: the architecture 'gemma3' is not supported (supported: llama, qwen2, qwen3, "
       "qwen3moe)"},
      {"no architecture", without("general.architecture"),
       "the key 'general.architecture' is missing"},
      {"split", number("split.count", 2), "is one part of a split model"},
      {"experts", number("llama.expert_count", 8), "the key 'llama.expert_used_count' is missing"},
      {"a shared expert", number("llama.expert_shared_count", 1),
       "'llama.expert_shared_count' is set, which is not supported"},
      {"no layers", number("llama.block_count", 0), "the number of layers is 0"},
      {"more layers", number("llama.block_count", 3),
       "the tensor 'blk.2.attn_norm.weight' is missing"},
      {"fewer layers", number("llama.block_count", 1),
       "'blk.1.attn_k.weight' is not part of the architecture"},
      {"a million layers", number("llama.block_count", 1000000),
       "number of layers is 1000000; allowed: 1 to 4096"},
      {"2^31 layers", number("llama.block_count", 1u << 31), "allowed: 0 to 2^31 - 1"},
      {"no heads", number("llama.attention.head_count", 0), "no attention heads"},
      {"no KV heads", number("llama.attention.head_count_kv", 0), "no attention heads"},
      {"uneven heads", number("llama.attention.head_count", 3), ""},
      {"3 KV heads", number("llama.attention.head_count_kv", 3),
       "2 heads cannot share 3 key/value heads"},
      {"heads per layer",
       [](GgufBuilder& f) {
         f.put_array<std::int32_t>("llama.attention.head_count_kv", 5, {1, 1});
       },
       "expected an integer"},
      {"odd head",
       [](GgufBuilder& f) {
         f.put_u32("llama.attention.key_length", 3);
         f.put_u32("llama.attention.value_length", 3);
       },
       "the head dimension is 3; RoPE needs an even one"},
      {"huge head", number("llama.attention.key_length", 1u << 30), ""},
      {"other value length", number("llama.attention.value_length", 2),
       "only equal ones are supported"},
      {"partial RoPE", number("llama.rope.dimension_count", 2), "RoPE rotates 2"},
      {"width lies", number("llama.embedding_length", 16),
       "is (6, 8); the hyper-parameters ask for (6, 16)"},
      {"ffn lies", number("llama.feed_forward_length", 13), "'blk.0.ffn_gate.weight' is (12, 8)"},
      {"KV heads lie", number("llama.attention.head_count_kv", 2),
       "'blk.0.attn_k.weight' is (4, 8)"},
      {"vocabulary lies", number("llama.vocab_size", 7),
       "'llama.vocab_size' is 7, but there are 6 tokens"},
      {"no context", without("llama.context_length"), "'llama.context_length' is missing"},
      {"epsilon",
       [](GgufBuilder& f) {
         f.put_f32("llama.attention.layer_norm_rms_epsilon",
                   std::numeric_limits<float>::quiet_NaN());
       },
       "epsilon"},
      {"theta", [](GgufBuilder& f) { f.put_f32("llama.rope.freq_base", -1); }, "theta is -1"},
      {"yarn", [](GgufBuilder& f) { f.put_string("llama.rope.scaling.type", "yarn"); },
       "the RoPE scaling 'yarn' is not supported"},
      {"rope_freqs length",
       [](GgufBuilder& f) {
         f.add_floats("rope_freqs.weight", {3}, std::vector<float>{1, 2, 3});
       },
       "must hold head_dim / 2 = 2 numbers"},
      {"rope_freqs 0",
       [](GgufBuilder& f) {
         f.add_floats("rope_freqs.weight", {2}, std::vector<float>{1, 0});
       },
       "RoPE frequencies must be finite"},
      {"missing tensor", [](GgufBuilder& f) { f.erase_tensor("blk.1.ffn_up.weight"); },
       "the tensor 'blk.1.ffn_up.weight' is missing"},
      {"extra tensor",
       [](GgufBuilder& f) { f.add_floats("blk.0.attn_output.bias", {8}, std::vector<float>(8)); },
       "'blk.0.attn_output.bias' is not part of the architecture 'llama'"},
      {"swapped dims",
       [](GgufBuilder& f) {
         f.tensor("blk.0.ffn_up.weight").dims = {12, 8};
       },
       "'blk.0.ffn_up.weight' is (8, 12); the hyper-parameters ask for (12, 8)"},
      {"3-d tensor",
       [](GgufBuilder& f) {
         f.tensor("blk.0.ffn_up.weight").dims = {8, 12, 1};
       },
       "is (1, 12, 8)"},
      {"tokenizer kind", [](GgufBuilder& f) { f.put_string("tokenizer.ggml.model", "bert"); },
       "the tokenizer 'bert' is not supported (supported: gpt2, llama)"},
      {"no tokens", without("tokenizer.ggml.tokens"), "'tokenizer.ggml.tokens' is missing"},
      {"fewer tokens",
       [](GgufBuilder& f) {
         f.put_array<std::string>("tokenizer.ggml.tokens", 8, {"a", "b"});
       },
       "token types for 2 tokens"},
      {"other vocabulary",
       [](GgufBuilder& f) {
         f.put_array<std::string>("tokenizer.ggml.tokens", 8, {"a", "b", "c"});
         f.put_array<float>("tokenizer.ggml.scores", 6, {0, 0, 0});
         f.put_array<std::int32_t>("tokenizer.ggml.token_type", 5, {1, 1, 1});
       },
       "'token_embd.weight' is (6, 8); the hyper-parameters ask for (3, 8)"},
      {"scores", [](GgufBuilder& f) { f.put_array<float>("tokenizer.ggml.scores", 6, {0}); },
       "1 token scores for 6 tokens"},
      {"no scores", without("tokenizer.ggml.scores"), "'tokenizer.ggml.scores' is missing"},
      {"token type",
       [](GgufBuilder& f) {
         f.put_array<std::int32_t>("tokenizer.ggml.token_type", 5, {2, 3, 3, 1, 1, 9});
       },
       "the token type 9 is unknown"},
      {"bos", number("tokenizer.ggml.bos_token_id", 6),
       "the bos token is number 6, but there are 6 tokens"},
      {"eot", number("tokenizer.ggml.eot_token_id", 1u << 20),
       "end-of-generation token is number 1048576"},
      {"2^31", number("tokenizer.ggml.eos_token_id", 1u << 31), "which is no token id"},
      {"template", number("tokenizer.chat_template", 1), "expected a string"},
  };
  for (const Case& c : cases) {
    GgufBuilder file = tiny_gguf();
    c.spoil(file);
    expect_error([&] { read(file.build()); }, c.message, c.what);
  }
}

TEST(GgufModel, QwenNeedsItsOwnTensors) {
  GgufBuilder qwen2 = tiny_gguf(tiny_shape("qwen2"));
  qwen2.erase_tensor("blk.1.attn_v.bias");
  expect_error([&] { read(qwen2.build()); }, "'blk.1.attn_v.bias' is missing");
  GgufBuilder qwen3 = tiny_gguf(tiny_shape("qwen3"));
  qwen3.erase_tensor("blk.0.attn_k_norm.weight");
  expect_error([&] { read(qwen3.build()); }, "'blk.0.attn_k_norm.weight' is missing");
}

// A quantized matrix is read by rows, permuted ones too: attn_q as Q8_0 with d_model 32.
TEST(GgufModel, QuantizedRowsAreUnpermuted) {
  ModelShape shape = tiny_shape();
  shape.d_model = 32;
  GgufBuilder file = tiny_gguf(shape);
  auto& q = file.tensor("blk.0.attn_q.weight");
  q.type = 8;
  q.data.clear();
  for (int row = 0; row < 8; ++row) {
    append<std::uint16_t>(q.data, 0x3c00);  // d = 1
    for (int column = 0; column < 32; ++column)
      append(q.data, static_cast<std::int8_t>(row * 10 + column % 2));
  }
  const Bytes bytes = file.build();
  const StoredModel model("test.gguf", {}, read(bytes));
  EXPECT_EQ(model.source_format(Weight::attn_q, 0), "Q8_0");
  std::vector<float> rows(8 * 32);
  model.read_rows(Weight::attn_q, 0, 0, 8, rows);
  const std::vector<int> file_row{0, 2, 1, 3, 4, 6, 5, 7};
  for (int row = 0; row < 8; ++row) EXPECT_EQ(rows[row * 32 + 1], file_row[row] * 10 + 1);
}

}  // namespace
}  // namespace paretune
