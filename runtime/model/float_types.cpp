// F32, F16, BF16 and F8_E4M3: one value per block.
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/model/half.h"
#include "runtime/model/tensor_types.h"

namespace paretune {

void f32_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  assert(blocks.size() == out.size() * sizeof(float));
  std::memcpy(out.data(), blocks.data(), blocks.size());
}

void f16_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  assert(blocks.size() == out.size() * 2);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = load_half(blocks.data() + 2 * i);
}

void bf16_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  assert(blocks.size() == out.size() * 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, blocks.data() + 2 * i, sizeof(bits));
    out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
}

// "E4M3FN" (arXiv:2209.05433): sign, 4 bits of exponent with bias 7, 3 of mantissa; no infinities,
// and S.1111.111 is not a number.
void f8_e4m3_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  assert(blocks.size() == out.size());
  static const std::array<float, 256> values = [] {
    std::array<float, 256> all;
    for (int byte = 0; byte < 256; ++byte) {
      const int exponent = byte >> 3 & 15, mantissa = byte & 7;
      const float size = (byte & 127) == 127 ? std::numeric_limits<float>::quiet_NaN()
                         : exponent == 0     ? std::ldexp(float(mantissa), -9)
                                             : std::ldexp(float(8 + mantissa), exponent - 10);
      all[static_cast<std::size_t>(byte)] = byte < 128 ? size : -size;
    }
    return all;
  }();
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = values[std::to_integer<std::size_t>(blocks[i])];
}

}  // namespace paretune
