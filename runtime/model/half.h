// IEEE 754 binary16, as block scales and F16 tensors store it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace paretune {

// Exact: every half is a float. Subnormals and NaN included.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude << 13));
  // Moved into a float's fields the value is 2^112 too small; the product sets the exponent right,
  // subnormals too.
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
}

inline float load_half(const std::byte* bytes) {
  std::uint16_t half;
  std::memcpy(&half, bytes, sizeof(half));
  return half_to_float(half);
}

}  // namespace paretune
