// How weights are stored in model files: blocks of a fixed number of values in a fixed number of
// bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace paretune {

inline constexpr std::uint32_t kNotInGguf = ~0u;

struct TensorType {
  std::string_view name;         // as ggml prints it
  std::uint32_t gguf_id;         // enum ggml_type; kNotInGguf: safetensors only
  std::string_view safetensors;  // dtype in a safetensors header; empty: GGUF only
  int block_size;                // values per block; rows are whole blocks
  int block_bytes;
  // blocks: n * block_bytes, any alignment; out: n * block_size values.
  void (*to_float)(std::span<const std::byte> blocks, std::span<float> out);
};

// What ggml's IQ4 codes stand for: like NF4, denser near zero.
inline constexpr std::array<float, 16> kIq4{-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};

void f32_to_float(std::span<const std::byte> blocks, std::span<float> out);
void f16_to_float(std::span<const std::byte> blocks, std::span<float> out);
void bf16_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q4_0_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q4_1_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q5_0_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q5_1_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q8_0_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q4_k_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q5_k_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q6_k_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q2_k_to_float(std::span<const std::byte> blocks, std::span<float> out);
void q3_k_to_float(std::span<const std::byte> blocks, std::span<float> out);
void iq4_nl_to_float(std::span<const std::byte> blocks, std::span<float> out);
void iq4_xs_to_float(std::span<const std::byte> blocks, std::span<float> out);
void f8_e4m3_to_float(std::span<const std::byte> blocks, std::span<float> out);

inline constexpr std::array kTensorTypes{
    TensorType{"F32", 0, "F32", 1, 4, f32_to_float},
    TensorType{"F16", 1, "F16", 1, 2, f16_to_float},
    TensorType{"BF16", 30, "BF16", 1, 2, bf16_to_float},
    TensorType{"Q8_0", 8, "", 32, 34, q8_0_to_float},
    TensorType{"Q4_0", 2, "", 32, 18, q4_0_to_float},
    TensorType{"Q4_1", 3, "", 32, 20, q4_1_to_float},
    TensorType{"Q5_0", 6, "", 32, 22, q5_0_to_float},
    TensorType{"Q5_1", 7, "", 32, 24, q5_1_to_float},
    TensorType{"Q4_K", 12, "", 256, 144, q4_k_to_float},
    TensorType{"Q5_K", 13, "", 256, 176, q5_k_to_float},
    TensorType{"Q6_K", 14, "", 256, 210, q6_k_to_float},
    TensorType{"Q2_K", 10, "", 256, 84, q2_k_to_float},
    TensorType{"Q3_K", 11, "", 256, 110, q3_k_to_float},
    TensorType{"IQ4_NL", 20, "", 32, 18, iq4_nl_to_float},
    TensorType{"IQ4_XS", 23, "", 256, 136, iq4_xs_to_float},
    TensorType{"F8_E4M3", kNotInGguf, "F8_E4M3", 1, 1, f8_e4m3_to_float},
};

// Both throw std::runtime_error "<where>: ... IQ4_XS is not supported (supported: F32, F16, ...)".
const TensorType& tensor_type_of_gguf(std::uint32_t gguf_id, const std::string& where);
const TensorType& tensor_type_of_safetensors(std::string_view dtype, const std::string& where);

}  // namespace paretune
