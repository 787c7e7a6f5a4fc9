// The hyper-parameters of a decoder-only transformer, checked by whoever made the value
// (check_shape).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace paretune {

struct ModelShape {
  std::string architecture;  // a name in kArchitectures
  int n_layers = 0;
  int d_model = 0;
  int n_heads = 0;
  int n_kv_heads = 0;      // divides n_heads
  int head_dim = 0;        // even; n_heads * head_dim need not be d_model (qwen3)
  int d_ff = 0;            // of one expert, where there are experts
  int vocab_size = 0;      // rows of the token embedding
  int max_seq_len = 0;     // positions the model was trained for
  int n_experts = 0;       // 0: every layer has one dense MLP
  int n_experts_used = 0;  // by each token
  // The weights of the experts used add up to 1 (Mixtral); otherwise they are what a softmax over
  // all experts gave them.
  bool renormalized_experts = true;
  float rms_epsilon = 0;
  float rope_theta = 0;
  // (head_dim / 2) Position p rotates the pair (i, i + head_dim/2) by p * [i] radians; scaling is
  // already in.
  std::vector<float> rope_inverse_frequencies;
  bool qkv_bias = false;
  bool qk_norm = false;      // RMS norm of every query and key head, before RoPE
  bool tied_output = false;  // the output matrix is the token embedding

  bool operator==(const ModelShape&) const = default;
};

// Weights of the model, each counted once: a tied output is not counted again.
std::int64_t parameter_count(const ModelShape& shape);
// Of those, the ones that a token is multiplied with: all but the experts that it does not use and
// the token embeddings (a tied output counts).
std::int64_t active_parameter_count(const ModelShape& shape);
// The same with all experts: what compressed sizes are counted against.
std::int64_t multiplied_parameter_count(const ModelShape& shape);

// Throws std::runtime_error "<where>: ..." unless all sizes are positive, bounded and consistent.
void check_shape(const ModelShape& shape, const std::string& where);

}  // namespace paretune
