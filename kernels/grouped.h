// The layout of a panel (16 columns) of weights as codes of 2 to 8 bits in groups along k that
// share a scale: one stream of blocks, so that one prefetch distance covers all of it. A block is a
// header and its codes, in chunks of 32 k:
//
//   header, affine      f16 scale[4][16], u8 zero[4][16]: of the block's 4 groups;
//                       value = (code - zero) * scale
//   header, centred     f16 scale[4][16]; zero is the middle of the codes, 2^(bits - 1).
//   header, levels      as centred; value = (level of the code - 128) * scale
//   header, k_affine    f16 d[16], f16 dmin[16], u8 scale[8][16], u8 minimum[8][16]: of 8 groups of
//                       32; value = (d * scale) * code - dmin * minimum     (ggml's Q4_K)
//   header, k_centred   f16 d[16], s8 scale[16][16]: of 16 groups of 16;
//                       value = (d * scale) * (code - 32)                   (ggml's Q6_K)
//   chunk               planes of the codes' bits, the lowest first: four (or eight) bits, two
//   bits,
//                       one bit, as many of each as the width asks for (6 = 4 + 2, 3 = 2 + 1)
//
// A plane of b bits is b lines of 64 bytes. Byte [column][j] of a line holds, from its low bits up,
// those of the codes of k = j, j + 4, j + 8, …: a shift and an AND give operands for VNNI or rows
// of an AMX tile. k is padded to 64; the last block may be short of codes, never of its header.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/packing.h"
#include "kernels/weight_format.h"

namespace paretune {

enum class Header { affine, centred, levels, k_affine, k_centred };

// What the codes of 4 bits stand for, or the first eight those of 3, 128 being zero. Steps of 1/127
// of the scale keep the products integers.
using Levels = std::array<std::uint8_t, 16>;
// Dettmers et al., arXiv:2305.14314, appendix E, times 127.
inline constexpr Levels kNf4Levels{1,   40,  61,  78,  92,  105, 116, 128,
                                   138, 148, 159, 171, 184, 199, 220, 255};
// Those of ik_llama.cpp's IQ3_K. A group's scale may be negative, so that its longer tail is
// theirs: that loses a tenth less of the demo model than the best symmetric ones (Max, 1960).
inline constexpr Levels kNf3Levels{1, 47, 82, 108, 130, 154, 184, 223};
// ggml-common.h, kvalues_iq4nl
inline constexpr Levels kIq4NlLevels{1,   24,  45,  63,  79,  93,  106, 118,
                                     129, 141, 153, 166, 181, 197, 217, 241};

template <int Bits, int Group, Header H, const Levels* Table = nullptr>
struct Grid {
  static constexpr bool kLevels = H == Header::levels;
  // What the codes stand for, if not themselves; more bytes of Levels may be read.
  static constexpr std::span<const std::uint8_t> levels() {
    if constexpr (kLevels) return std::span(*Table).first(std::size_t(1) << Bits);
    return {};
  }
  static constexpr int kOperandBits = kLevels ? 8 : Bits;  // of what kernels multiply
  static constexpr int kBits = Bits;
  static constexpr int kGroup = Group;
  static constexpr Header kHeader = H;
  static constexpr bool kSuper = H == Header::k_affine || H == Header::k_centred;
  static constexpr bool kMinimum = H == Header::k_affine;  // value = scale * code - minimum
  static constexpr int kMiddle = 1 << (kOperandBits - 1);  // the zero of centred codes
  static constexpr int kBlockGroups = kSuper ? 256 / Group : 4;
  static constexpr int kBlockDepth = kBlockGroups * Group;
  static constexpr int kHeaderBytes =
      kPanelColumns * (H == Header::affine               ? 3 * kBlockGroups
                       : H == Header::centred || kLevels ? 2 * kBlockGroups
                       : H == Header::k_affine           ? 4 + 2 * kBlockGroups
                                                         : 2 + kBlockGroups);
  static constexpr int kChunk = 32;              // k
  static constexpr int kChunkBytes = 64 * Bits;  // of codes
  static constexpr int kVectors = 8;             // of 4 k each, in a chunk
  static constexpr std::size_t kBlockBytes =
      kHeaderBytes + std::size_t(kBlockDepth) * kPanelColumns * Bits / 8;

  // Of a panel of k rows.
  static constexpr int groups(int k) { return (padded_k(k) + Group - 1) / Group; }
  static constexpr std::size_t panel_bytes(int k) {
    const int blocks = (groups(k) + kBlockGroups - 1) / kBlockGroups;
    return std::size_t(blocks) * kHeaderBytes + std::size_t(padded_k(k)) * kPanelColumns * Bits / 8;
  }

  // Where in a panel. scale_at: 16 f16 of group g, or its 16 bytes in a superblock.
  static constexpr std::size_t block_at(int g) {
    return std::size_t(g / kBlockGroups) * kBlockBytes;
  }
  static constexpr std::size_t scale_at(int g) {
    const std::size_t i = std::size_t(g % kBlockGroups) * kPanelColumns;
    if constexpr (H == Header::k_affine) return block_at(g) + 4 * kPanelColumns + i;
    if constexpr (H == Header::k_centred) return block_at(g) + 2 * kPanelColumns + i;
    return block_at(g) + 2 * i;
  }
  // affine: 16 zeros; k_affine: 16 minima
  static constexpr std::size_t zero_at(int g) {
    const std::size_t i = std::size_t(g % kBlockGroups) * kPanelColumns;
    return block_at(g) +
           std::size_t(kPanelColumns) *
               (H == Header::k_affine ? 4 + kBlockGroups : 2 * kBlockGroups) +
           i;
  }
  static constexpr std::size_t chunk_at(int k) {
    return std::size_t(k / kBlockDepth) * kBlockBytes + kHeaderBytes +
           std::size_t(k % kBlockDepth / kChunk) * kChunkBytes;
  }

  // Calls take(byte of the panel, shift in it, bits, shift in the code) for each plane that holds
  // bits of the code of (k, column).
  template <class Take>
  static constexpr void for_each_plane(int k, int column, Take&& take) {
    const int vector = k % kChunk / 4;
    std::size_t plane = chunk_at(k);
    int low = 0;
    for (const int bits : {8, 4, 2, 1}) {
      if ((Bits & bits) == 0) continue;
      const int in_line = 8 / bits;
      take(
          plane + std::size_t(vector / in_line) * 64 + std::size_t(column) * 4 + std::size_t(k % 4),
          vector % in_line * bits, bits, low);
      plane += std::size_t(bits) * 64;
      low += bits;
    }
  }
};

// The grids of the formats that have one.
template <const WeightFormat& W>
struct GridOf;
template <>
struct GridOf<kInt8G32> : Grid<8, 32, Header::centred> {};
template <>
struct GridOf<kQ40> : Grid<4, 32, Header::centred> {};
template <>
struct GridOf<kQ6K> : Grid<6, 16, Header::k_centred> {};
template <>
struct GridOf<kQ4K> : Grid<4, 32, Header::k_affine> {};
template <>
struct GridOf<kInt4G32> : Grid<4, 32, Header::affine> {};
template <>
struct GridOf<kInt4G64> : Grid<4, 64, Header::affine> {};
template <>
struct GridOf<kInt4G128> : Grid<4, 128, Header::affine> {};
template <>
struct GridOf<kInt4G256> : Grid<4, 256, Header::affine> {};
template <>
struct GridOf<kInt3G32> : Grid<3, 32, Header::affine> {};
template <>
struct GridOf<kInt3G64> : Grid<3, 64, Header::affine> {};
template <>
struct GridOf<kInt3G128> : Grid<3, 128, Header::affine> {};
template <>
struct GridOf<kInt2G32> : Grid<2, 32, Header::affine> {};
template <>
struct GridOf<kInt2G64> : Grid<2, 64, Header::affine> {};
template <>
struct GridOf<kNf4G64> : Grid<4, 64, Header::levels, &kNf4Levels> {};
template <>
struct GridOf<kNf3G64> : Grid<3, 64, Header::levels, &kNf3Levels> {};
template <>
struct GridOf<kIq4Nl> : Grid<4, 32, Header::levels, &kIq4NlLevels> {};

}  // namespace paretune
