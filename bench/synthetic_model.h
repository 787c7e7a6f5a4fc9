// Models of real shapes with random weights, written as GGUF: speed does not depend on the values.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace paretune {

struct SyntheticShape {
  std::string_view name;
  std::string_view what;
  std::string_view architecture;  // of GGUF
  int n_layers, d_model, d_ff, n_heads, n_kv_heads, head_dim, vocab_size, max_seq_len;
  bool qk_norm = false, tied_output = false;
  int n_experts = 0, n_experts_used = 0;
};

inline constexpr std::array kSyntheticShapes{
    SyntheticShape{"tiny", "for tests", "llama", 2, 64, 192, 4, 2, 16, 300, 512},
    SyntheticShape{"0.5b", "24 layers of 1024", "llama", 24, 1024, 2816, 16, 4, 64, 32000, 4096},
    SyntheticShape{"1.1b", "TinyLlama", "llama", 22, 2048, 5632, 32, 4, 64, 32000, 4096},
    SyntheticShape{"4b", "Qwen3 4B", "qwen3", 36, 2560, 9728, 32, 8, 128, 151936, 8192, true, true},
    SyntheticShape{"8b", "Llama 3 8B", "llama", 32, 4096, 14336, 32, 8, 128, 128256, 8192},
    SyntheticShape{"moe", "8 experts, 2 used", "llama", 12, 1024, 2816, 16, 4, 64, 32000, 4096,
                   false, false, 8, 2},
    SyntheticShape{"tiny-moe", "for tests", "llama", 2, 64, 96, 4, 2, 16, 300, 512, false, false, 4,
                   2},
};

// How the matrices are stored; vectors are f32.
struct SyntheticType {
  std::string_view name;
  std::uint32_t gguf_id, file_type;  // enum ggml_type, general.file_type
  int block_size, block_bytes;
  // One block of random weights of standard deviation about 0.02; seed: of this block.
  void (*fill)(std::uint64_t seed, std::byte* block);
};
extern const std::array<SyntheticType, 4> kSyntheticTypes;  // f16, bf16, q8_0, q4_0

// Throw std::runtime_error with the known names.
const SyntheticShape& find_synthetic_shape(std::string_view name);
const SyntheticType& find_synthetic_type(std::string_view name);

// The same bytes for the same arguments. Rows are drawn from a table of 4096 random blocks, so that
// gigabytes take seconds. Throws std::runtime_error where the file cannot be written.
void write_synthetic_model(const SyntheticShape& shape, const SyntheticType& type,
                           const std::filesystem::path& file);

}  // namespace paretune
