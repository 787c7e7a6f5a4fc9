#include "runtime/model/hugging_face_config.h"

#include <gtest/gtest.h>

#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

nlohmann::json tiny_config() {
  return {{"model_type", "llama"},
          {"hidden_size", 8},
          {"intermediate_size", 12},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"vocab_size", 6},
          {"rms_norm_eps", 1e-5},
          {"max_position_embeddings", 64},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"rope_scaling", nullptr},
          {"quantization_config", nullptr}};
}

ModelShape read_with(const nlohmann::json& changes) {
  nlohmann::json config = tiny_config();
  config.update(changes);
  return read_hugging_face_config(config, "config.json");
}

TEST(HuggingFaceConfig, ReadsEveryArchitecture) {
  EXPECT_EQ(read_with(nlohmann::json::object()), tiny_shape());
  EXPECT_EQ(read_with({{"model_type", "mistral"}}), tiny_shape());
  EXPECT_EQ(read_with({{"model_type", "qwen2"}}), tiny_shape("qwen2"));
  EXPECT_EQ(read_with({{"model_type", "qwen3"}, {"head_dim", 4}}), tiny_shape("qwen3"));
}

TEST(HuggingFaceConfig, Experts) {
  ModelShape mixtral = tiny_experts();
  EXPECT_EQ(
      read_with({{"model_type", "mixtral"}, {"num_local_experts", 3}, {"num_experts_per_tok", 2}}),
      mixtral);
  ModelShape qwen = tiny_experts("qwen3moe");
  nlohmann::json config{{"model_type", "qwen3_moe"},
                        {"head_dim", 4},
                        {"num_experts", 3},
                        {"num_experts_per_tok", 2},
                        {"intermediate_size", 99},
                        {"moe_intermediate_size", 12},
                        {"norm_topk_prob", true},
                        {"decoder_sparse_step", 1},
                        {"mlp_only_layers", nlohmann::json::array()}};
  EXPECT_EQ(read_with(config), qwen);
  config.erase("norm_topk_prob");
  qwen.renormalized_experts = false;
  EXPECT_EQ(read_with(config), qwen);
  config["mlp_only_layers"] = {0};
  expect_error([&] { read_with(config); }, "$.mlp_only_layers");
  config.erase("mlp_only_layers");
  config["num_experts_per_tok"] = 4;
  expect_error([&] { read_with(config); }, "number of experts used is 4; allowed: 1 to 3");
}

TEST(HuggingFaceConfig, OptionalKeys) {
  EXPECT_TRUE(read_with({{"tie_word_embeddings", true}}).tied_output);
  EXPECT_EQ(read_with({{"num_key_value_heads", nullptr}}).n_kv_heads, 2);
  EXPECT_EQ(read_with({{"head_dim", 6}}).head_dim, 6);
  EXPECT_EQ(read_with({{"sliding_window", 16}}).max_seq_len, 16);
  EXPECT_EQ(read_with({{"sliding_window", 16}, {"use_sliding_window", false}}).max_seq_len, 64);
  EXPECT_EQ(read_with({{"sliding_window", nullptr}}).max_seq_len, 64);
}

TEST(HuggingFaceConfig, RopeScaling) {
  const nlohmann::json linear{{"type", "linear"}, {"factor", 2.0}};
  EXPECT_EQ(read_with({{"rope_scaling", linear}}).rope_inverse_frequencies,
            (std::vector<float>{0.5f, 0.005f}));
  const nlohmann::json llama3{{"rope_type", "llama3"},
                              {"factor", 8.0},
                              {"low_freq_factor", 1.0},
                              {"high_freq_factor", 4.0},
                              {"original_max_position_embeddings", 100}};
  // Wavelengths 6.3 and 628: under 100 / 4, and over 100.
  EXPECT_EQ(read_with({{"rope_scaling", llama3}}).rope_inverse_frequencies,
            (std::vector<float>{1.0f, 0.00125f}));
  // transformers 5
  const nlohmann::json parameters{{"rope_type", "default"}, {"rope_theta", 1e6}};
  EXPECT_EQ(read_with({{"rope_parameters", parameters}}).rope_inverse_frequencies,
            (std::vector<float>{1.0f, 0.001f}));
}

TEST(HuggingFaceConfig, BadConfigsAreRefused) {
  struct Case {
    nlohmann::json changes;
    const char* message;
  };
  const std::vector<Case> cases{
      {{{"model_type", "gpt_neox"}},
       "config.json: the architecture 'gpt_neox' is not supported (supported: llama, mistral, "
       "mixtral, qwen2, qwen3, qwen3_moe)"},
      {{{"model_type", nullptr}}, "$.model_type is missing; expected a string"},
      {{{"hidden_size", "8"}}, "$.hidden_size is \"8\"; expected an integer"},
      {{{"hidden_size", -8}}, "$.hidden_size is -8; expected an integer"},
      {{{"hidden_size", 8.5}}, "$.hidden_size is 8.5"},
      {{{"hidden_size", 1ull << 40}}, "expected an integer from 0 to 2^31 - 1"},
      {{{"hidden_size", 1 << 30}, {"head_dim", 4}}, "the model width is 1073741824; allowed: 1 to"},
      {{{"num_hidden_layers", nullptr}}, "$.num_hidden_layers is missing"},
      {{{"num_attention_heads", 0}}, "$.num_attention_heads is 0"},
      {{{"num_key_value_heads", 0}}, "the number of key/value heads is 0"},
      {{{"num_attention_heads", 4}, {"num_key_value_heads", 3}},
       "4 heads cannot share 3 key/value heads"},
      {{{"head_dim", 1 << 30}}, "heads of 1073741824 dimensions"},
      {{{"head_dim", 5}}, "RoPE needs an even one"},
      {{{"rms_norm_eps", 0}}, "epsilon"},
      {{{"rope_theta", 0}}, "theta"},
      {{{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}},
       "$.rope_scaling: the RoPE scaling 'yarn' is not supported"},
      {{{"rope_scaling", {{"type", "linear"}}}}, "$.rope_scaling: $.factor is missing"},
      {{{"rope_scaling", 4}}, "$.rope_scaling: must be an object"},
      {{{"quantization_config", {{"quant_method", "gptq"}}}},
       "$.quantization_config: $.quant_method is 'gptq', which is not supported (supported: fp8"},
      {{{"quantization_config", {{"quant_method", "compressed-tensors"}, {"format", "pack"}}}},
       "which is not supported"},
      {{{"hidden_act", "gelu"}},
       "$.hidden_act is 'gelu', which is not supported (supported: silu)"},
      {{{"attention_bias", true}}, "$.attention_bias: true is not supported"},
      {{{"mlp_bias", true}}, "$.mlp_bias: true is not supported"},
      {{{"partial_rotary_factor", 0.5}}, "$.partial_rotary_factor"},
      {{{"tie_word_embeddings", 1}}, "expected true or false"},
  };
  for (const Case& c : cases) {
    expect_error([&] { read_with(c.changes); }, c.message, c.changes.dump());
  }
}

}  // namespace
}  // namespace paretune
