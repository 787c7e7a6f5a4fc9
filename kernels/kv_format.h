// How one key or value vector (head_dim numbers of one token and one KV head) is stored in the
// cache, and, where keys are stored by channel, how those of a run of tokens are.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace paretune {

//   int8   f32 scale, s8 codes
//   int8_a8
//          the same, with attention's products in integers (a8 below)
//   int4   rotated; groups of 32: f16 scale, f16 minimum, 16 bytes whose low nibbles are codes 0 …
//   15
//          and whose high ones are 16 … 31; value = code * scale + minimum. 5 bits a number
//   int4_channel, int2_channel
//          values as int4 but not rotated, or with bytes of 4 codes 8 apart; keys by channel
//          (kv_channel.cpp). 5 and 3 bits a number, and the window's 16
struct KvFormat {
  std::string_view name;
  // Of one vector; of a key on average, where groups of keys are stored together.
  std::size_t (*vector_bytes)(int head_dim);
  // Where store_keys is set, for values alone.
  void (*store)(std::span<const float> vector, std::byte* out);
  void (*load)(const std::byte* stored, std::span<float> vector);
  // What is stored is the vector times a Hadamard matrix, which spreads outliers over all numbers.
  // Scores need the query times it as well, outputs once more; store and load see to it themselves.
  bool rotated = false;

  // Keys by channel can be stored only once all tokens of a group are known. Until the window
  // (that many tokens from a multiple of it) that they lie in is full they stay exact, in bf16,
  // outside the pages (KvPages::recent). 0: vectors are stored as they come.
  int window = 0;
  // A group of keys: (kKvGroup, head_dim) into kKvGroup * vector_bytes(head_dim) bytes, and one of
  // them back.
  void (*store_keys)(std::span<const float> keys, int head_dim, std::byte* out) = nullptr;
  void (*load_key)(const std::byte* group, int index, std::span<float> key) = nullptr;

  // Queries and attention's weights are rounded to 8 bits as well (attention_rounding.h), so that
  // both products are of integers, as in INT-FlashAttention (arXiv:2409.16997).
  bool a8 = false;
};

inline constexpr int kKvGroup = 32;  // numbers that share a scale

// Times the orthonormal Hadamard matrix of the largest power of two that divides the length, block
// by block. Its own inverse.
void rotate(std::span<float> vector);

constexpr int kv_groups(int head_dim) { return (head_dim + kKvGroup - 1) / kKvGroup; }
constexpr std::size_t kv_int4_bytes(int head_dim) { return std::size_t(kv_groups(head_dim)) * 20; }
constexpr std::size_t kv_int2_bytes(int head_dim) { return std::size_t(kv_groups(head_dim)) * 12; }

extern const KvFormat kKvF32;
extern const KvFormat kKvBf16;
extern const KvFormat kKvInt8;
extern const KvFormat kKvInt8A8;
extern const KvFormat kKvInt4;
extern const KvFormat kKvInt4Channel;
extern const KvFormat kKvInt2Channel;

inline constexpr std::array<const KvFormat*, 7> kKvFormats{
    &kKvF32, &kKvBf16, &kKvInt8, &kKvInt8A8, &kKvInt4, &kKvInt4Channel, &kKvInt2Channel};

}  // namespace paretune
