// The frequencies of rotary position embeddings, and the ways models stretch them to longer
// contexts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paretune {

struct RopeScaling {
  enum class Kind { none, linear, llama3 };
  Kind kind = Kind::none;
  double factor = 1;
  // llama3 only: wavelengths over original_max_position / low_freq_factor are stretched by factor,
  // those under original_max_position / high_freq_factor are kept, and in between both are blended.
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  int original_max_position = 8192;
};

// "none", "default", "linear", "llama3"; anything else throws std::runtime_error "<where>: ..."
// with the list.
RopeScaling::Kind rope_scaling_kind(std::string_view name, const std::string& where);

// (head_dim / 2) theta^(-2i / head_dim), scaled. Throws std::runtime_error "<where>: ..." unless
// theta and the scaling's numbers are finite and in range.
std::vector<float> rope_inverse_frequencies(int head_dim, double theta, const RopeScaling& scaling,
                                            const std::string& where);

}  // namespace paretune
