// The layout of a panel (16 columns) of 4-bit weights: value = (code - zero) * scale, with code and
// zero in 0 … 15.
//
//   codes   padded_k / 8 lines of 64 bytes, each two lines of the int8 order
//   scales  f16 [groups][16]
//   zeros   u8  [groups][16]
//   padding to 64 bytes, so that no line of codes straddles two cache lines
//
// Byte [column][j] of a line has the code of k = 8 line + j in its low nibble and of k = 8 line + 4
// + j in its high one: one AND and one shift give two operands for VNNI, or two rows of an AMX
// tile. 4.19 bits per weight in groups of 128, 4.75 in groups of 32. The last group may be short,
// for k is padded to 64.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packing.h"

namespace paretune {

struct Int4Layout {
  int group;
  int kp;      // k padded to 64
  int groups;  // along k
  std::size_t scales_at;
  std::size_t zeros_at;
  std::size_t panel_bytes;

  Int4Layout(int k, int group_size)
      : group(group_size),
        kp(padded_k(k)),
        groups((kp + group - 1) / group),
        scales_at(std::size_t(kp) * kPanelColumns / 2),
        zeros_at(scales_at + std::size_t(groups) * kPanelColumns * sizeof(std::uint16_t)),
        panel_bytes(round_up_64(zeros_at + std::size_t(groups) * kPanelColumns)) {}

  static std::size_t code_at(int k, int column) {
    return std::size_t(k / 8) * 64 + std::size_t(column) * 4 + std::size_t(k % 4);
  }
  static int shift_of(int k) { return k % 8 / 4 * 4; }
};

}  // namespace paretune
