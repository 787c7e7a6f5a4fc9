// The layout of a panel (16 columns) of 4-bit weights: value = (code - zero) * scale, with code and
// zero in 0 … 15.
//
// One stream of blocks, each four groups along k, so that one prefetch distance covers all of it:
//
//   scales  f16 [4][16]
//   zeros   u8  [4][16]
//   codes   4 * group / 8 lines of 64 bytes, each two lines of the int8 order
//
// Byte [column][j] of a line has the code of k = 8 line + j in its low nibble and of k = 8 line + 4
// + j in its high one: one AND and one shift give two operands for VNNI, or two rows of an AMX
// tile. 4.19 bits per weight in groups of 128, 4.75 in groups of 32. k is padded to 64; the last
// block and its last group may be short.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packing.h"

namespace paretune {

struct Int4Layout {
  static constexpr int kBlockGroups = 4;
  static constexpr int kHeaderBytes = kBlockGroups * kPanelColumns * 3;

  int group;
  int kp;      // k padded to 64
  int groups;  // along k
  std::size_t block_bytes;
  std::size_t panel_bytes;

  constexpr Int4Layout(int k, int group_size)
      : group(group_size),
        kp(padded_k(k)),
        groups((kp + group - 1) / group),
        block_bytes(kHeaderBytes + std::size_t(kBlockGroups) * group * kPanelColumns / 2),
        panel_bytes(std::size_t((groups + kBlockGroups - 1) / kBlockGroups) * kHeaderBytes +
                    std::size_t(kp) * kPanelColumns / 2) {}

  // Where in a panel: the 16 scales or zeros of group g, the line of codes that holds k.
  constexpr std::size_t scales_at(int g) const {
    return std::size_t(g / kBlockGroups) * block_bytes +
           std::size_t(g % kBlockGroups) * kPanelColumns * sizeof(std::uint16_t);
  }
  constexpr std::size_t zeros_at(int g) const {
    return std::size_t(g / kBlockGroups) * block_bytes + kBlockGroups * kPanelColumns * 2 +
           std::size_t(g % kBlockGroups) * kPanelColumns;
  }
  constexpr std::size_t line_at(int k) const {
    return std::size_t(k / (kBlockGroups * group) + 1) * kHeaderBytes + std::size_t(k / 8) * 64;
  }
  constexpr std::size_t code_at(int k, int column) const {
    return line_at(k) + std::size_t(column) * 4 + std::size_t(k % 4);
  }
  static constexpr int shift_of(int k) { return k % 8 / 4 * 4; }
};

}  // namespace paretune
