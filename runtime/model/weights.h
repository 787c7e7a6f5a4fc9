// The tensors of a decoder-only transformer and their names in both file formats.
//
// A matrix is (outputs, inputs), row-major: row r holds the weights of output r. A vector is one
// row.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "runtime/model/model_shape.h"

namespace paretune {

enum class Weight {
  token_embedding,  // (vocab_size, d_model)
  output,           // (vocab_size, d_model); the token embedding's values where tied_output
  output_norm,      // (1, d_model)
  attn_norm,        // (1, d_model)
  attn_q,           // (n_heads * head_dim, d_model)
  attn_k,           // (n_kv_heads * head_dim, d_model)
  attn_v,           // (n_kv_heads * head_dim, d_model)
  attn_output,      // (d_model, n_heads * head_dim)
  attn_q_bias,      // (1, n_heads * head_dim)
  attn_k_bias,      // (1, n_kv_heads * head_dim)
  attn_v_bias,      // (1, n_kv_heads * head_dim)
  attn_q_norm,      // (1, head_dim)
  attn_k_norm,      // (1, head_dim)
  ffn_norm,         // (1, d_model)
  ffn_gate,         // (d_ff, d_model)
  ffn_up,           // (d_ff, d_model)
  ffn_down,         // (d_model, d_ff)
  ffn_router,       // (n_experts, d_model)
  expert_gate,      // (d_ff, d_model)
  expert_up,        // (d_ff, d_model)
  expert_down,      // (d_model, d_ff)
};

enum class Repeats { once, per_layer, per_expert };  // per_expert: of every layer

struct WeightInfo {
  Weight weight;
  std::string_view name;  // the enumerator's
  // Tensor names: '#' stands for the layer, '@' for the expert (where there is none, the tensor
  // holds all experts, the first first), '|' comes before another name that the tensor may have.
  std::string_view gguf;
  std::string_view hugging_face;
  Repeats repeats;
  bool matrix;
  std::array<int, 2> (*dims)(const ModelShape&);  // {rows, columns}
  bool (*present)(const ModelShape&);             // does a model of this shape have it?
};

namespace weight_dims {
constexpr bool always(const ModelShape&) { return true; }
constexpr bool untied(const ModelShape& s) { return !s.tied_output; }
constexpr bool biased(const ModelShape& s) { return s.qkv_bias; }
constexpr bool dense(const ModelShape& s) { return s.n_experts == 0; }
constexpr bool sparse(const ModelShape& s) { return s.n_experts > 0; }
constexpr bool normed(const ModelShape& s) { return s.qk_norm; }
constexpr std::array<int, 2> vocabulary(const ModelShape& s) { return {s.vocab_size, s.d_model}; }
constexpr std::array<int, 2> model(const ModelShape& s) { return {1, s.d_model}; }
constexpr std::array<int, 2> query(const ModelShape& s) {
  return {s.n_heads * s.head_dim, s.d_model};
}
constexpr std::array<int, 2> key(const ModelShape& s) {
  return {s.n_kv_heads * s.head_dim, s.d_model};
}
constexpr std::array<int, 2> mix(const ModelShape& s) {
  return {s.d_model, s.n_heads * s.head_dim};
}
constexpr std::array<int, 2> query_bias(const ModelShape& s) { return {1, s.n_heads * s.head_dim}; }
constexpr std::array<int, 2> key_bias(const ModelShape& s) {
  return {1, s.n_kv_heads * s.head_dim};
}
constexpr std::array<int, 2> head(const ModelShape& s) { return {1, s.head_dim}; }
constexpr std::array<int, 2> up(const ModelShape& s) { return {s.d_ff, s.d_model}; }
constexpr std::array<int, 2> down(const ModelShape& s) { return {s.d_model, s.d_ff}; }
constexpr std::array<int, 2> router(const ModelShape& s) { return {s.n_experts, s.d_model}; }
}  // namespace weight_dims

// In the order of the enumerators.
inline constexpr std::array kWeights{
    WeightInfo{Weight::token_embedding, "token_embedding", "token_embd.weight",
               "model.embed_tokens.weight", Repeats::once, true, weight_dims::vocabulary,
               weight_dims::always},
    WeightInfo{Weight::output, "output", "output.weight", "lm_head.weight", Repeats::once, true,
               weight_dims::vocabulary, weight_dims::untied},
    WeightInfo{Weight::output_norm, "output_norm", "output_norm.weight", "model.norm.weight",
               Repeats::once, false, weight_dims::model, weight_dims::always},
    WeightInfo{Weight::attn_norm, "attn_norm", "blk.#.attn_norm.weight",
               "model.layers.#.input_layernorm.weight", Repeats::per_layer, false,
               weight_dims::model, weight_dims::always},
    WeightInfo{Weight::attn_q, "attn_q", "blk.#.attn_q.weight",
               "model.layers.#.self_attn.q_proj.weight", Repeats::per_layer, true,
               weight_dims::query, weight_dims::always},
    WeightInfo{Weight::attn_k, "attn_k", "blk.#.attn_k.weight",
               "model.layers.#.self_attn.k_proj.weight", Repeats::per_layer, true, weight_dims::key,
               weight_dims::always},
    WeightInfo{Weight::attn_v, "attn_v", "blk.#.attn_v.weight",
               "model.layers.#.self_attn.v_proj.weight", Repeats::per_layer, true, weight_dims::key,
               weight_dims::always},
    WeightInfo{Weight::attn_output, "attn_output", "blk.#.attn_output.weight",
               "model.layers.#.self_attn.o_proj.weight", Repeats::per_layer, true, weight_dims::mix,
               weight_dims::always},
    WeightInfo{Weight::attn_q_bias, "attn_q_bias", "blk.#.attn_q.bias",
               "model.layers.#.self_attn.q_proj.bias", Repeats::per_layer, false,
               weight_dims::query_bias, weight_dims::biased},
    WeightInfo{Weight::attn_k_bias, "attn_k_bias", "blk.#.attn_k.bias",
               "model.layers.#.self_attn.k_proj.bias", Repeats::per_layer, false,
               weight_dims::key_bias, weight_dims::biased},
    WeightInfo{Weight::attn_v_bias, "attn_v_bias", "blk.#.attn_v.bias",
               "model.layers.#.self_attn.v_proj.bias", Repeats::per_layer, false,
               weight_dims::key_bias, weight_dims::biased},
    WeightInfo{Weight::attn_q_norm, "attn_q_norm", "blk.#.attn_q_norm.weight",
               "model.layers.#.self_attn.q_norm.weight", Repeats::per_layer, false,
               weight_dims::head, weight_dims::normed},
    WeightInfo{Weight::attn_k_norm, "attn_k_norm", "blk.#.attn_k_norm.weight",
               "model.layers.#.self_attn.k_norm.weight", Repeats::per_layer, false,
               weight_dims::head, weight_dims::normed},
    WeightInfo{Weight::ffn_norm, "ffn_norm", "blk.#.ffn_norm.weight",
               "model.layers.#.post_attention_layernorm.weight", Repeats::per_layer, false,
               weight_dims::model, weight_dims::always},
    WeightInfo{Weight::ffn_gate, "ffn_gate", "blk.#.ffn_gate.weight",
               "model.layers.#.mlp.gate_proj.weight", Repeats::per_layer, true, weight_dims::up,
               weight_dims::dense},
    WeightInfo{Weight::ffn_up, "ffn_up", "blk.#.ffn_up.weight", "model.layers.#.mlp.up_proj.weight",
               Repeats::per_layer, true, weight_dims::up, weight_dims::dense},
    WeightInfo{Weight::ffn_down, "ffn_down", "blk.#.ffn_down.weight",
               "model.layers.#.mlp.down_proj.weight", Repeats::per_layer, true, weight_dims::down,
               weight_dims::dense},
    WeightInfo{Weight::ffn_router, "ffn_router", "blk.#.ffn_gate_inp.weight",
               "model.layers.#.mlp.gate.weight|model.layers.#.block_sparse_moe.gate.weight",
               Repeats::per_layer, true, weight_dims::router, weight_dims::sparse},
    WeightInfo{Weight::expert_gate, "expert_gate",
               "blk.#.ffn_gate_exps.weight|blk.#.ffn_gate.@.weight",
               "model.layers.#.mlp.experts.@.gate_proj.weight|"
               "model.layers.#.block_sparse_moe.experts.@.w1.weight",
               Repeats::per_expert, true, weight_dims::up, weight_dims::sparse},
    WeightInfo{Weight::expert_up, "expert_up", "blk.#.ffn_up_exps.weight|blk.#.ffn_up.@.weight",
               "model.layers.#.mlp.experts.@.up_proj.weight|"
               "model.layers.#.block_sparse_moe.experts.@.w3.weight",
               Repeats::per_expert, true, weight_dims::up, weight_dims::sparse},
    WeightInfo{Weight::expert_down, "expert_down",
               "blk.#.ffn_down_exps.weight|blk.#.ffn_down.@.weight",
               "model.layers.#.mlp.experts.@.down_proj.weight|"
               "model.layers.#.block_sparse_moe.experts.@.w2.weight",
               Repeats::per_expert, true, weight_dims::down, weight_dims::sparse},
};

constexpr const WeightInfo& weight_info(Weight weight) {
  return kWeights[static_cast<std::size_t>(weight)];
}

// How many of it a model has. That of a layer's expert is number layer * n_experts + expert.
constexpr int instances(const WeightInfo& info, const ModelShape& s) {
  switch (info.repeats) {
    case Repeats::per_layer:
      return s.n_layers;
    case Repeats::per_expert:
      return s.n_layers * s.n_experts;
    case Repeats::once:
      break;
  }
  return 1;
}

// Queries and keys, whose rows RoPE turns in pairs.
constexpr bool is_turned(Weight weight) {
  return weight == Weight::attn_q || weight == Weight::attn_k || weight == Weight::attn_q_bias ||
         weight == Weight::attn_k_bias;
}

// "blk.#.ffn_up.@.weight", 3, 7 -> "blk.3.ffn_up.7.weight"
std::string tensor_name(std::string_view pattern, int layer, int expert = 0);

// Of a GGUF file: the first name that the tensor may have.
std::string gguf_name(const WeightInfo& info, int layer);
// Of instance `index` for messages: "blk.3.ffn_up_exps.weight, expert 7".
std::string matrix_name(const WeightInfo& info, int index, const ModelShape& shape);

}  // namespace paretune
