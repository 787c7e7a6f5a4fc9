#include "runtime/model/exact_repack.h"

#include <algorithm>
#include <cstring>

#include "kernels/narrow_float.h"
#include "runtime/model/half.h"
#include "runtime/model/k_quants.h"

namespace paretune {
namespace {

// Blocks of `values` weights in `bytes` bytes each; take(index, block).
template <class Take>
void for_each_block(std::span<const std::byte> row, std::size_t bytes, Take&& take) {
  for (std::size_t b = 0; (b + 1) * bytes <= row.size(); ++b) take(b, row.data() + b * bytes);
}

// A scale is an f16 value already.
void store_half(float value, std::byte* to) {
  const std::uint16_t bits = f32_to_f16(value);
  std::memcpy(to, &bits, sizeof bits);
}

}  // namespace

// block_q4_0 (ggml-common.h): f16 d, then 16 bytes whose low nibbles are values 0 … 15 and whose
// high ones are 16 … 31; value = (nibble - 8) * d. d may be negative.
void split_q4_0(std::span<const std::byte> row, RowCodes& out) {
  constexpr std::size_t kBlock = 32, kBytes = 18;
  const std::size_t blocks = row.size() / kBytes;
  out.codes.resize(blocks * kBlock);
  out.scales.resize(blocks);
  out.zeros.assign(blocks, 8);
  for_each_block(row, kBytes, [&](std::size_t b, const std::byte* block) {
    out.scales[b] = load_half(block);
    for (std::size_t i = 0; i < kBlock / 2; ++i) {
      const auto both = static_cast<std::uint8_t>(block[2 + i]);
      out.codes[b * kBlock + i] = both & 15;
      out.codes[b * kBlock + i + kBlock / 2] = both >> 4;
    }
  });
}

// block_q8_0: f16 d, then 32 signed codes; value = code * d.
void split_q8_0(std::span<const std::byte> row, RowCodes& out) {
  constexpr std::size_t kBlock = 32, kBytes = 34;
  const std::size_t blocks = row.size() / kBytes;
  out.codes.resize(blocks * kBlock);
  out.scales.resize(blocks);
  for_each_block(row, kBytes, [&](std::size_t b, const std::byte* block) {
    out.scales[b] = load_half(block);
    for (std::size_t i = 0; i < kBlock; ++i) {
      out.codes[b * kBlock + i] = static_cast<std::uint8_t>(block[2 + i]) ^ 128;
    }
  });
}

void split_q4_k(std::span<const std::byte> row, RowCodes& out) {
  constexpr std::size_t kBlock = 256, kBytes = 144;
  const std::size_t blocks = row.size() / kBytes;
  out.codes.resize(blocks * kBlock);
  out.scales.resize(blocks);
  out.minima.resize(blocks);
  out.sub_scales.resize(blocks * 8);
  out.sub_minima.resize(blocks * 8);
  for_each_block(row, kBytes, [&](std::size_t b, const std::byte* block) {
    out.scales[b] = load_half(block);
    out.minima[b] = load_half(block + 2);
    for (std::size_t j = 0; j < 8; ++j) {
      const KScale scale = k_scale(static_cast<int>(j), block + 4);
      out.sub_scales[b * 8 + j] = static_cast<std::uint8_t>(scale.scale);
      out.sub_minima[b * 8 + j] = static_cast<std::uint8_t>(scale.minimum);
      for (std::size_t l = 0; l < 32; ++l) {
        const auto both = static_cast<std::uint8_t>(block[16 + j / 2 * 32 + l]);
        out.codes[b * kBlock + j * 32 + l] = j % 2 == 0 ? both & 15 : both >> 4;
      }
    }
  });
}

void split_q6_k(std::span<const std::byte> row, RowCodes& out) {
  constexpr std::size_t kBlock = 256, kBytes = 210;
  const std::size_t blocks = row.size() / kBytes;
  out.codes.resize(blocks * kBlock);
  out.scales.resize(blocks);
  out.sub_scales.resize(blocks * 16);
  for_each_block(row, kBytes, [&](std::size_t b, const std::byte* block) {
    out.scales[b] = load_half(block + 208);
    std::memcpy(out.sub_scales.data() + b * 16, block + 192, 16);
    for (int v = 0; v < static_cast<int>(kBlock); ++v) {
      out.codes[b * kBlock + static_cast<std::size_t>(v)] =
          static_cast<std::uint8_t>(q6_k_code(block, v));
    }
  });
}

void join_q4_0(const RowCodes& codes, std::span<std::byte> row) {
  for (std::size_t b = 0; b < codes.scales.size(); ++b) {
    std::byte* const block = row.data() + b * 18;
    store_half(codes.scales[b], block);
    const std::uint8_t* const code = codes.codes.data() + b * 32;
    for (std::size_t i = 0; i < 16; ++i) block[2 + i] = std::byte(code[i] | code[i + 16] << 4);
  }
}

void join_q8_0(const RowCodes& codes, std::span<std::byte> row) {
  for (std::size_t b = 0; b < codes.scales.size(); ++b) {
    std::byte* const block = row.data() + b * 34;
    store_half(codes.scales[b], block);
    for (std::size_t i = 0; i < 32; ++i) block[2 + i] = std::byte(codes.codes[b * 32 + i] ^ 128);
  }
}

void join_q4_k(const RowCodes& codes, std::span<std::byte> row) {
  for (std::size_t b = 0; b < codes.scales.size(); ++b) {
    std::byte* const block = row.data() + b * 144;
    std::fill_n(block, 144, std::byte{0});
    store_half(codes.scales[b], block);
    store_half(codes.minima[b], block + 2);
    for (std::size_t j = 0; j < 8; ++j) {
      const unsigned scale = codes.sub_scales[b * 8 + j], minimum = codes.sub_minima[b * 8 + j];
      std::byte* const packed = block + 4;
      if (j < 4) {
        packed[j] |= std::byte(scale);
        packed[j + 4] |= std::byte(minimum);
      } else {
        packed[j + 4] |= std::byte((scale & 15) | (minimum & 15) << 4);
        packed[j - 4] |= std::byte(scale >> 4 << 6);
        packed[j] |= std::byte(minimum >> 4 << 6);
      }
      for (std::size_t l = 0; l < 32; ++l) {
        block[16 + j / 2 * 32 + l] |=
            std::byte(codes.codes[b * 256 + j * 32 + l] << (j % 2 == 0 ? 0 : 4));
      }
    }
  }
}

void join_q6_k(const RowCodes& codes, std::span<std::byte> row) {
  for (std::size_t b = 0; b < codes.scales.size(); ++b) {
    std::byte* const block = row.data() + b * 210;
    std::fill_n(block, 210, std::byte{0});
    store_half(codes.scales[b], block + 208);
    std::memcpy(block + 192, codes.sub_scales.data() + b * 16, 16);
    for (std::size_t v = 0; v < 256; ++v) {
      const unsigned code = codes.codes[b * 256 + v];
      const std::size_t half = v / 128, quarter = v % 128 / 32, l = v % 32;
      block[half * 64 + quarter % 2 * 32 + l] |= std::byte((code & 15) << (quarter < 2 ? 0 : 4));
      block[128 + half * 32 + l] |= std::byte(code >> 4 << (2 * quarter));
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
