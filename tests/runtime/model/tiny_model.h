// A model small enough to write down: 2 layers, d 8, 2 heads and 1 KV head of 4, ffn 12, 6 tokens.
// As GGUF; with the same weights as a Hugging Face folder, tiny_folder.h.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "runtime/model/rope_scaling.h"
#include "runtime/model/weights.h"
#include "tests/runtime/model/gguf_builder.h"

namespace paretune {

inline ModelShape tiny_shape(const std::string& architecture = "llama") {
  ModelShape shape;
  shape.architecture = architecture;
  shape.n_layers = 2;
  shape.d_model = 8;
  shape.n_heads = 2;
  shape.n_kv_heads = 1;
  shape.head_dim = 4;
  shape.d_ff = 12;
  shape.vocab_size = 6;
  shape.max_seq_len = 64;
  shape.rms_epsilon = 1e-5f;
  shape.rope_theta = 10000;
  shape.rope_inverse_frequencies = {1.0f, 0.01f};
  shape.qkv_bias = architecture == "qwen2";
  shape.qk_norm = architecture.starts_with("qwen3");
  return shape;
}

inline ModelShape tiny_experts(const std::string& architecture = "llama") {
  ModelShape shape = tiny_shape(architecture);
  shape.n_experts = 3;
  shape.n_experts_used = 2;
  return shape;
}

// Every number of a weight is its own: weight * 1000 + layer * 500 + row * 20 + column.
inline float tiny_value(Weight weight, int layer, int row, int column) {
  return static_cast<float>(static_cast<int>(weight) * 1000 + layer * 500 + row * 20 + column);
}

inline std::vector<float> tiny_weight(const ModelShape& shape, Weight weight, int layer) {
  const auto [rows, columns] = weight_info(weight).dims(shape);
  std::vector<float> values;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column)
      values.push_back(tiny_value(weight, layer, row, column));
  }
  return values;
}

// Calls add(info, instance, dims) for each weight; dims slowest first.
template <class Add>
void for_each_tensor(const ModelShape& shape, Add add) {
  for (const WeightInfo& info : kWeights) {
    if (!info.present(shape)) continue;
    const auto [rows, columns] = info.dims(shape);
    std::vector<std::uint64_t> dims{static_cast<std::uint64_t>(columns)};
    if (info.matrix) dims.insert(dims.begin(), rows);
    for (int layer = 0; layer < instances(info, shape); ++layer) add(info, layer, dims);
  }
}

inline std::string_view first_name(std::string_view names) {
  return names.substr(0, names.find('|'));
}
inline std::string_view last_name(std::string_view names) {
  return names.substr(names.rfind('|') + 1);
}

// llama's q and k rows are written in GGUF's interleaved order, head by head: 0, 2, 1, 3 for heads
// of 4.
inline GgufBuilder tiny_gguf(const ModelShape& shape = tiny_shape()) {
  GgufBuilder gguf;
  const std::string prefix = shape.architecture + ".";
  gguf.put_string("general.architecture", shape.architecture);
  gguf.put_u32(prefix + "block_count", shape.n_layers);
  gguf.put_u32(prefix + "embedding_length", shape.d_model);
  gguf.put_u32(prefix + "attention.head_count", shape.n_heads);
  gguf.put_u32(prefix + "attention.head_count_kv", shape.n_kv_heads);
  gguf.put_u32(prefix + "attention.key_length", shape.head_dim);
  gguf.put_u32(prefix + "attention.value_length", shape.head_dim);
  gguf.put_u32(prefix + "feed_forward_length", shape.d_ff);
  gguf.put_u32(prefix + "context_length", shape.max_seq_len);
  if (shape.n_experts > 0) {
    gguf.put_u32(prefix + "expert_count", shape.n_experts);
    gguf.put_u32(prefix + "expert_used_count", shape.n_experts_used);
  }
  gguf.put_f32(prefix + "attention.layer_norm_rms_epsilon", shape.rms_epsilon);
  gguf.put_string("tokenizer.ggml.model", "llama");
  gguf.put_array<std::string>("tokenizer.ggml.tokens", 8, {"<unk>", "<s>", "</s>", "a", "b", "ab"});
  gguf.put_array<float>("tokenizer.ggml.scores", 6, {0, 0, 0, -1, -2, -3});
  gguf.put_array<std::int32_t>("tokenizer.ggml.token_type", 5, {2, 3, 3, 1, 1, 1});
  gguf.put_u32("tokenizer.ggml.unknown_token_id", 0);
  gguf.put_u32("tokenizer.ggml.bos_token_id", 1);
  gguf.put_u32("tokenizer.ggml.eos_token_id", 2);
  gguf.put_string("tokenizer.chat_template", "{{ messages }}");
  for_each_tensor(shape, [&](const WeightInfo& info, int layer,
                             const std::vector<std::uint64_t>& dims) {
    std::vector<float> values = tiny_weight(shape, info.weight, layer);
    const bool rotated = info.weight == Weight::attn_q || info.weight == Weight::attn_k ||
                         info.weight == Weight::attn_q_bias || info.weight == Weight::attn_k_bias;
    if (rotated && shape.architecture == "llama") {
      const std::size_t unit = info.matrix ? dims[1] : 1;  // numbers that move together
      for (std::size_t head = 0; head < values.size() / unit; head += 4) {
        std::swap_ranges(values.begin() + (head + 1) * unit, values.begin() + (head + 2) * unit,
                         values.begin() + (head + 2) * unit);
      }
    }
    if (info.repeats != Repeats::per_expert) {
      gguf.add_floats(tensor_name(info.gguf, layer), dims, values);
      return;
    }
    // All experts of a layer are one tensor.
    if (layer % shape.n_experts > 0) return;
    for (int expert = 1; expert < shape.n_experts; ++expert) {
      const std::vector<float> next = tiny_weight(shape, info.weight, layer + expert);
      values.insert(values.end(), next.begin(), next.end());
    }
    std::vector<std::uint64_t> all = dims;
    all.insert(all.begin(), static_cast<std::uint64_t>(shape.n_experts));
    gguf.add_floats(tensor_name(first_name(info.gguf), layer / shape.n_experts), all, values);
  });
  return gguf;
}

// A folder that is deleted with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "paretune-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  std::filesystem::path write(const std::string& name, const Bytes& bytes) const {
    return write(name, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace paretune
