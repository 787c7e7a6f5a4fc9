// Block formats of model files whose grid is one of ours: their codes are packed as they are, and
// no value changes. Packing such a tensor into any other format rounds its values again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/weight_format.h"

namespace paretune {

struct ExactRepack {
  std::string_view type;  // TensorType's name
  const WeightFormat* format;
  // One row of blocks: value = (code - zero) * scale. codes: (k); scales (f16), zeros: (k / group)
  void (*split)(std::span<const std::byte> row, std::span<std::uint8_t> codes,
                std::span<std::uint16_t> scales, std::span<std::uint8_t> zeros);
};

void split_q4_0(std::span<const std::byte> row, std::span<std::uint8_t> codes,
                std::span<std::uint16_t> scales, std::span<std::uint8_t> zeros);

inline constexpr std::array kExactRepacks{ExactRepack{"Q4_0", &kInt4G32, split_q4_0}};

const ExactRepack* find_exact_repack(std::string_view type, const WeightFormat& format);  // or null

}  // namespace paretune
