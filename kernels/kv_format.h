// How one key or value vector (head_dim numbers of one token and one KV head) is stored in the
// cache.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace paretune {

//   int8   f32 scale, s8 codes
//   int4   rotated; groups of 32: f16 scale, f16 minimum, 16 bytes whose low nibbles are codes 0 …
//   15
//          and whose high ones are 16 … 31; value = code * scale + minimum. 5 bits a number
struct KvFormat {
  std::string_view name;
  std::size_t (*vector_bytes)(int head_dim);
  void (*store)(std::span<const float> vector, std::byte* out);
  void (*load)(const std::byte* stored, std::span<float> vector);
  // What is stored is the vector times a Hadamard matrix, which spreads outliers over all numbers.
  // Scores need the query times it as well, outputs once more; store and load see to it themselves.
  bool rotated = false;
};

// Times the orthonormal Hadamard matrix of the largest power of two that divides the length, block
// by block. Its own inverse.
void rotate(std::span<float> vector);

constexpr std::size_t kv_int4_bytes(int head_dim) { return (std::size_t(head_dim) + 31) / 32 * 20; }

extern const KvFormat kKvF32;
extern const KvFormat kKvBf16;
extern const KvFormat kKvInt8;
extern const KvFormat kKvInt4;

inline constexpr std::array<const KvFormat*, 4> kKvFormats{&kKvF32, &kKvBf16, &kKvInt8, &kKvInt4};

}  // namespace paretune
