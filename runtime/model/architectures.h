// The model architectures we run: Llama's decoder block and its close relatives. What sets them
// apart is data.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace paretune {

struct Architecture {
  std::string_view name;                        // general.architecture of GGUF
  std::array<std::string_view, 3> model_types;  // model_type of Hugging Face's config.json
  bool qkv_bias;                                // always has q, k and v biases
  bool qk_norm;                                 // normalizes every query and key head before RoPE
  bool interleaved_gguf;                        // GGUF holds q and k for RoPE pairs (2i, 2i+1)
};

inline constexpr std::array kArchitectures{
    // Llama 1 to 3, TinyLlama, SmolLM 1 and 2, Mistral 7B, Mixtral
    Architecture{"llama", {"llama", "mistral", "mixtral"}, false, false, true},
    Architecture{"qwen2", {"qwen2"}, true, false, false},
    Architecture{"qwen3", {"qwen3"}, false, true, false},
    Architecture{"qwen3moe", {"qwen3_moe"}, false, true, false},
};

// Both throw std::runtime_error "<where>: ..." that lists the supported ones.
const Architecture& architecture_of_gguf(std::string_view name, const std::string& where);
const Architecture& architecture_of_model_type(std::string_view model_type,
                                               const std::string& where);

}  // namespace paretune
