// How one key or value vector (head_dim numbers of one token and one KV head) is stored in the
// cache.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace paretune {

struct KvFormat {
  std::string_view name;
  std::size_t (*vector_bytes)(
      int head_dim);  // int8 includes its f32 scale (one per token and head)
  void (*store)(std::span<const float> vector, std::byte* out);
  void (*load)(const std::byte* stored, std::span<float> vector);
};

extern const KvFormat kKvF32;
extern const KvFormat kKvBf16;
extern const KvFormat kKvInt8;

inline constexpr std::array<const KvFormat*, 3> kKvFormats{&kKvF32, &kKvBf16, &kKvInt8};

}  // namespace paretune
