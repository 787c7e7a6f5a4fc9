// tiny_model.h's model as a Hugging Face folder, with a byte-level tokenizer of three tokens.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/model/model_source.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {

struct TinyFolder {
  explicit TinyFolder(const ModelShape& shape = tiny_shape()) {
    config = {{"model_type", shape.architecture},
              {"hidden_size", shape.d_model},
              {"intermediate_size", shape.d_ff},
              {"num_hidden_layers", shape.n_layers},
              {"num_attention_heads", shape.n_heads},
              {"num_key_value_heads", shape.n_kv_heads},
              {"head_dim", shape.head_dim},
              {"vocab_size", shape.vocab_size},
              {"rms_norm_eps", shape.rms_epsilon},
              {"max_position_embeddings", shape.max_seq_len},
              {"tie_word_embeddings", shape.tied_output},
              {"eos_token_id", 1}};
    if (shape.n_experts > 0) {
      if (shape.architecture == "qwen3moe") config["model_type"] = "qwen3_moe";
      config["num_local_experts"] = shape.n_experts;
      config["num_experts_per_tok"] = shape.n_experts_used;
      config["norm_topk_prob"] = shape.renormalized_experts;
    }
    tokenizer = {{"added_tokens",
                  {{{"id", 0}, {"content", "<s>"}, {"special", true}},
                   {{"id", 1}, {"content", "</s>"}, {"special", true}}}},
                 {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                 {"decoder", {{"type", "ByteLevel"}}},
                 {"model",
                  {{"type", "BPE"},
                   {"vocab", {{"<s>", 0}, {"</s>", 1}, {"a", 2}}},
                   {"merges", nlohmann::json::array()}}}};
    for_each_tensor(shape, [&](const WeightInfo& info, int layer,
                               const std::vector<std::uint64_t>& dims) {
      const int experts = info.repeats == Repeats::per_expert ? shape.n_experts : 1;
      // Qwen's names, or Mixtral's
      const std::string_view name = shape.architecture == "llama" ? last_name(info.hugging_face)
                                                                  : first_name(info.hugging_face);
      add(tensor_name(name, layer / experts, layer % experts), dims,
          tiny_weight(shape, info.weight, layer));
    });
  }

  void add(const std::string& name, const std::vector<std::uint64_t>& dims,
           const std::vector<float>& values) {
    add(name, dims, "F32", float_bytes(values));
  }
  void add(const std::string& name, const std::vector<std::uint64_t>& dims,
           const std::string& dtype, const Bytes& bytes) {
    header[name] = {{"dtype", dtype},
                    {"shape", dims},
                    {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data.insert(data.end(), bytes.begin(), bytes.end());
  }

  Bytes safetensors() const {
    Bytes bytes;
    append_string(bytes, header.dump());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
  }

  void write_all() const {
    folder.write("config.json", config.dump());
    folder.write("tokenizer.json", tokenizer.dump());
    folder.write("model.safetensors", safetensors());
  }

  std::unique_ptr<ModelSource> open() const {
    write_all();
    return open_model(folder.path());
  }

  TemporaryFolder folder;
  nlohmann::json config;
  nlohmann::json tokenizer;
  nlohmann::json header;
  Bytes data;
};

}  // namespace paretune
