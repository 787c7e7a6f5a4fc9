// F32, F16 and BF16: one value per block.
#include <bit>
#include <cassert>
#include <cstring>

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

}  // namespace paretune
