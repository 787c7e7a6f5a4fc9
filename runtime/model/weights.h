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
};

struct WeightInfo {
  Weight weight;
  std::string_view name;          // the enumerator's
  std::string_view gguf;          // tensor name; '#' stands for the layer
  std::string_view hugging_face;  // tensor name; '#' stands for the layer
  bool per_layer;
  bool matrix;
  std::array<int, 2> (*dims)(const ModelShape&);  // {rows, columns}
  bool (*present)(const ModelShape&);             // does a model of this shape have it?
};

namespace weight_dims {
constexpr bool always(const ModelShape&) { return true; }
constexpr bool untied(const ModelShape& s) { return !s.tied_output; }
constexpr bool biased(const ModelShape& s) { return s.qkv_bias; }
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
}  // namespace weight_dims

// In the order of the enumerators.
inline constexpr std::array kWeights{
    WeightInfo{Weight::token_embedding, "token_embedding", "token_embd.weight",
               "model.embed_tokens.weight", false, true, weight_dims::vocabulary,
               weight_dims::always},
    WeightInfo{Weight::output, "output", "output.weight", "lm_head.weight", false, true,
               weight_dims::vocabulary, weight_dims::untied},
    WeightInfo{Weight::output_norm, "output_norm", "output_norm.weight", "model.norm.weight", false,
               false, weight_dims::model, weight_dims::always},
    WeightInfo{Weight::attn_norm, "attn_norm", "blk.#.attn_norm.weight",
               "model.layers.#.input_layernorm.weight", true, false, weight_dims::model,
               weight_dims::always},
    WeightInfo{Weight::attn_q, "attn_q", "blk.#.attn_q.weight",
               "model.layers.#.self_attn.q_proj.weight", true, true, weight_dims::query,
               weight_dims::always},
    WeightInfo{Weight::attn_k, "attn_k", "blk.#.attn_k.weight",
               "model.layers.#.self_attn.k_proj.weight", true, true, weight_dims::key,
               weight_dims::always},
    WeightInfo{Weight::attn_v, "attn_v", "blk.#.attn_v.weight",
               "model.layers.#.self_attn.v_proj.weight", true, true, weight_dims::key,
               weight_dims::always},
    WeightInfo{Weight::attn_output, "attn_output", "blk.#.attn_output.weight",
               "model.layers.#.self_attn.o_proj.weight", true, true, weight_dims::mix,
               weight_dims::always},
    WeightInfo{Weight::attn_q_bias, "attn_q_bias", "blk.#.attn_q.bias",
               "model.layers.#.self_attn.q_proj.bias", true, false, weight_dims::query_bias,
               weight_dims::biased},
    WeightInfo{Weight::attn_k_bias, "attn_k_bias", "blk.#.attn_k.bias",
               "model.layers.#.self_attn.k_proj.bias", true, false, weight_dims::key_bias,
               weight_dims::biased},
    WeightInfo{Weight::attn_v_bias, "attn_v_bias", "blk.#.attn_v.bias",
               "model.layers.#.self_attn.v_proj.bias", true, false, weight_dims::key_bias,
               weight_dims::biased},
    WeightInfo{Weight::attn_q_norm, "attn_q_norm", "blk.#.attn_q_norm.weight",
               "model.layers.#.self_attn.q_norm.weight", true, false, weight_dims::head,
               weight_dims::normed},
    WeightInfo{Weight::attn_k_norm, "attn_k_norm", "blk.#.attn_k_norm.weight",
               "model.layers.#.self_attn.k_norm.weight", true, false, weight_dims::head,
               weight_dims::normed},
    WeightInfo{Weight::ffn_norm, "ffn_norm", "blk.#.ffn_norm.weight",
               "model.layers.#.post_attention_layernorm.weight", true, false, weight_dims::model,
               weight_dims::always},
    WeightInfo{Weight::ffn_gate, "ffn_gate", "blk.#.ffn_gate.weight",
               "model.layers.#.mlp.gate_proj.weight", true, true, weight_dims::up,
               weight_dims::always},
    WeightInfo{Weight::ffn_up, "ffn_up", "blk.#.ffn_up.weight", "model.layers.#.mlp.up_proj.weight",
               true, true, weight_dims::up, weight_dims::always},
    WeightInfo{Weight::ffn_down, "ffn_down", "blk.#.ffn_down.weight",
               "model.layers.#.mlp.down_proj.weight", true, true, weight_dims::down,
               weight_dims::always},
};

constexpr const WeightInfo& weight_info(Weight weight) {
  return kWeights[static_cast<std::size_t>(weight)];
}

// "blk.#.attn_q.weight", 3 -> "blk.3.attn_q.weight"
std::string tensor_name(std::string_view pattern, int layer);

}  // namespace paretune
