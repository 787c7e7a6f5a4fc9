#include "runtime/model/exact_repack.h"

#include <algorithm>
#include <cstring>

namespace paretune {

// block_q4_0 (ggml-common.h): f16 d, then 16 bytes whose low nibbles are values 0 … 15 and whose
// high ones are 16 … 31; value = (nibble - 8) * d. d may be negative.
void split_q4_0(std::span<const std::byte> row, std::span<std::uint8_t> codes,
                std::span<std::uint16_t> scales, std::span<std::uint8_t> zeros) {
  constexpr std::size_t kBlock = 32, kBytes = 18;
  for (std::size_t b = 0; b * kBytes < row.size(); ++b) {
    const std::byte* block = row.data() + b * kBytes;
    std::memcpy(&scales[b], block, 2);
    zeros[b] = 8;
    for (std::size_t i = 0; i < kBlock / 2; ++i) {
      const auto both = static_cast<std::uint8_t>(block[2 + i]);
      codes[b * kBlock + i] = both & 15;
      codes[b * kBlock + i + kBlock / 2] = both >> 4;
    }
  }
}

const ExactRepack* find_exact_repack(std::string_view type, const WeightFormat& format) {
  const auto found = std::ranges::find_if(kExactRepacks, [&](const ExactRepack& row) {
    return row.type == type && row.format == &format;
  });
  return found == kExactRepacks.end() ? nullptr : &*found;
}

}  // namespace paretune
