// Groups of kKvGroup numbers on evenly spaced grids: value = code * scale + minimum, scale and
// minimum in f16, as the cache's formats of few bits store them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernels/kv_format.h"
#include "kernels/narrow_float.h"
#include "kernels/packing.h"

namespace paretune {

struct KvGrid {
  std::uint16_t scale, minimum;  // f16
};

// The grid of 2^Bits values over a group, and its codes.
template <int Bits>
KvGrid quantize_group(std::span<const float> group, std::uint8_t* codes) {
  constexpr int kLast = (1 << Bits) - 1;
  const auto [low, high] = std::ranges::minmax(group);
  // Not-a-number and what f16 does not hold must not be undefined behaviour.
  const auto within = [](float v) { return v > -65504 ? std::min(v, 65504.0f) : -65504.0f; };
  const std::uint16_t minimum_bits = f32_to_f16(within(low));
  const float minimum = f16_to_f32(minimum_bits);
  const std::uint16_t scale_bits =
      f32_to_f16(std::max(0.0f, within((within(high) - minimum) / kLast)));
  const float scale = f16_to_f32(scale_bits);
  for (std::size_t i = 0; i < group.size(); ++i) {
    codes[i] = scale > 0
                   ? static_cast<std::uint8_t>(round_within((group[i] - minimum) / scale, 0, kLast))
                   : std::uint8_t{0};
  }
  return {scale_bits, minimum_bits};
}

// The codes of a group share bytes with those that lie this many numbers apart, the first lowest.
template <int Bits>
inline constexpr int kKvCodeBytes = kKvGroup* Bits / 8;

template <int Bits>
void pack_group(const std::uint8_t (&codes)[kKvGroup], std::byte* out) {
  constexpr int n = kKvCodeBytes<Bits>;
  std::fill_n(out, n, std::byte{0});
  for (int i = 0; i < kKvGroup; ++i) out[i % n] |= std::byte(codes[i] << (i / n * Bits));
}
template <int Bits>
int code_in_group(const std::byte* codes, int i) {
  constexpr int n = kKvCodeBytes<Bits>;
  return std::to_integer<int>(codes[i % n]) >> (i / n * Bits) & ((1 << Bits) - 1);
}

// A vector in groups, each: f16 scale, f16 minimum, codes.
template <int Bits>
void store_groups(std::span<const float> vector, std::byte* out) {
  for (std::size_t begin = 0; begin < vector.size(); begin += kKvGroup) {
    std::uint8_t codes[kKvGroup] = {};
    const KvGrid grid = quantize_group<Bits>(
        vector.subspan(begin, std::min<std::size_t>(kKvGroup, vector.size() - begin)), codes);
    std::memcpy(out, &grid, sizeof grid);
    pack_group<Bits>(codes, out + sizeof grid);
    out += sizeof grid + kKvCodeBytes<Bits>;
  }
}
template <int Bits>
void load_groups(const std::byte* stored, std::span<float> vector) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const std::byte* group = stored + i / kKvGroup * (sizeof(KvGrid) + kKvCodeBytes<Bits>);
    KvGrid grid;
    std::memcpy(&grid, group, sizeof grid);
    const int code = code_in_group<Bits>(group + sizeof grid, int(i % kKvGroup));
    vector[i] = float(code) * f16_to_f32(grid.scale) + f16_to_f32(grid.minimum);
  }
}

}  // namespace paretune
