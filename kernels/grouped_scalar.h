// Reading grouped.h's panels one number at a time: what the format's values mean.
#pragma once

#include <cstring>

#include "kernels/grouped.h"
#include "kernels/narrow_float.h"

namespace paretune {

// Or its level.
template <class G>
int code_at(const std::uint8_t* panel, int k, int column) {
  int code = 0;
  G::for_each_plane(k, column, [&](std::size_t at, int shift, int bits, int low) {
    code |= (panel[at] >> shift & ((1 << bits) - 1)) << low;
  });
  if constexpr (G::kLevels) return G::levels()[static_cast<std::size_t>(code)];
  return code;
}

// What turns a code of one group and column into its value.
struct GroupValue {
  float scale;
  int zero;
  float minimum;
  float of(int code) const { return scale * float(code - zero) - minimum; }
};

template <class G>
GroupValue group_value(const std::uint8_t* panel, int g, int column) {
  const auto half = [&](std::size_t at) {
    std::uint16_t bits;
    std::memcpy(&bits, panel + at + 2 * std::size_t(column), 2);
    return f16_to_f32(bits);
  };
  const auto byte = [&](std::size_t at) { return panel[at + std::size_t(column)]; };
  if constexpr (G::kHeader == Header::affine) {
    return {half(G::scale_at(g)), byte(G::zero_at(g)), 0};
  } else if constexpr (G::kHeader == Header::centred || G::kLevels) {
    return {half(G::scale_at(g)), G::kMiddle, 0};
  } else if constexpr (G::kHeader == Header::k_affine) {
    return {half(G::block_at(g)) * float(byte(G::scale_at(g))), 0,
            half(G::block_at(g) + 2 * kPanelColumns) * float(byte(G::zero_at(g)))};
  } else {
    const auto sub = static_cast<std::int8_t>(byte(G::scale_at(g)));
    return {half(G::block_at(g)) * float(sub), G::kMiddle, 0};
  }
}

}  // namespace paretune
