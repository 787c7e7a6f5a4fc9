// What `prepare` leaves for `run`: the rows of x as a kernel reads them. k is padded to 64 with
// zeros, and a row is 64 bytes longer than it must be: rows whose distance is a power of two would
// all fall into the same sets of L1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/packing.h"

namespace paretune {

constexpr int kRowPadding = 64;  // bytes

// (m, stride) floats
constexpr std::size_t f32_row_stride(int k) {
  return std::size_t(padded_k(k)) + kRowPadding / sizeof(float);
}
// (m, stride) bf16
constexpr std::size_t bf16_row_stride(int k) {
  return std::size_t(padded_k(k)) + kRowPadding / sizeof(std::uint16_t);
}

// A row of int8 activations: codes[kp], then one negated sum of codes per group of the weights (it
// undoes a zero point: Σ (w - z) a = Σ w a + z (-Σ a)), then the token's f32 scale. Group 0: the
// whole row is one group.
//
// Sums of products are exact in 32 bits while k ≤ 2^17: 127 * 127 * 2^17 < 2^31.
struct Int8Rows {
  int kp;
  int group;
  int groups;
  std::size_t stride;  // bytes, a multiple of 64

  Int8Rows(int k, int group_size)
      : kp(padded_k(k)),
        group(group_size == 0 ? kp : group_size),
        groups((kp + group - 1) / group),
        stride(round_up_64(std::size_t(kp) + std::size_t(groups) * 4 + sizeof(float)) +
               kRowPadding) {}

  std::size_t sums_at() const { return std::size_t(kp); }
  std::size_t scale_at() const { return std::size_t(kp) + std::size_t(groups) * 4; }
};

}  // namespace paretune
