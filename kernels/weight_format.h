// How a weight matrix W (n, k) = (output columns, inputs) is stored for the matmul kernels.
//
// All formats share one shape: panels of 16 output columns, each panel one contiguous stream along
// k, so that AMX, VNNI and AVX-512 read the same bytes in order. n is padded to 16 and k to 64 with
// zero weights.
//   f32         panel[k][16]
//   bf16        panel[k/2][16][2]                       (an AMX bf16 B tile is 16 such rows)
//   int8        panel[k/4][16][4] s8, then f32 scale[16]
//   the others  codes of 2 to 8 bits with scales per group (grouped.h)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace paretune {

// A row of weights as codes, which is what a quantizer makes and a file of the same grid holds:
//   int8 (codes + 128, scales of the whole row), int*_g*, q4_0:  (code - zero) * scale
//   nf4_g64, nf3_g64, iq4_nl:  (levels[code] - 128) * scale
//   q6_k:  (scale * sub_scale) * (code - 32)
//   q4_k:  (scale * sub_scale) * code - minimum * sub_minimum
struct RowCodes {
  std::vector<std::uint8_t> codes;  // (k)
  std::vector<float> scales;        // (groups), or (superblocks of 256); f16 values but for int8
  std::vector<std::uint8_t> zeros;  // (groups) of formats with zeros
  std::vector<float> minima;        // (superblocks) f16 values
  std::vector<std::uint8_t> sub_scales;  // (groups); two's complement in q6_k
  std::vector<std::uint8_t> sub_minima;  // (groups)
};

struct WeightFormat {
  std::string_view name;
  bool integer;  // codes are integers: int8 activations may meet them
  int group;     // weights along k that share a scale; 0: the whole row; -1: no scale
  int bits = 0;  // of a code, where each group (or row) has a scale and at most a zero; else 0
  bool zeros = false;  // and a zero
  std::span<const std::uint8_t> levels =
      {};  // by code, ascending; 128 is zero. Empty: linear codes
  std::size_t (*packed_bytes)(int n, int k);
  // Quantizes by round-to-nearest and packs rows [row_begin, row_end) of W; both are multiples of
  // 16 (or n), so that threads may pack disjoint panels. w holds just those rows, row-major:
  // (row_end - row_begin, k); packed is the whole matrix's.
  void (*pack)(std::span<const float> w, int n, int k, int row_begin, int row_end,
               std::span<std::byte> packed);
  // The same where the codes are known: nothing is rounded. rows: those of [row_begin, row_end).
  // nullptr for floats.
  void (*pack_codes)(std::span<const RowCodes> rows, int n, int k, int row_begin, int row_end,
                     std::span<std::byte> packed) = nullptr;
  // Rounds one row (k) to the nearest codes, as pack does. nullptr for floats.
  void (*encode)(std::span<const float> row, RowCodes& codes) = nullptr;
  // The values that the packed row stands for. out: (k)
  void (*unpack_row)(std::span<const std::byte> packed, int n, int k, int row,
                     std::span<float> out);
};

extern const WeightFormat kF32;
extern const WeightFormat kBf16;
extern const WeightFormat kInt8;     // symmetric, one scale a row
extern const WeightFormat kInt4G32;  // asymmetric, groups of 32
extern const WeightFormat kInt4G64;
extern const WeightFormat kInt4G128;
extern const WeightFormat kInt4G256;
extern const WeightFormat kQ40;      // symmetric, groups of 32: the grid of GGUF's Q4_0
extern const WeightFormat kInt8G32;  // symmetric, groups of 32: the grid of GGUF's Q8_0
extern const WeightFormat kQ6K;      // the grids of GGUF's Q6_K and Q4_K
extern const WeightFormat kQ4K;
extern const WeightFormat kInt3G32;  // asymmetric as int4
extern const WeightFormat kInt3G64;
extern const WeightFormat kInt3G128;
extern const WeightFormat kInt2G32;
extern const WeightFormat kInt2G64;
extern const WeightFormat kNf4G64;  // sixteen levels, dense about zero: quantiles of the normal
extern const WeightFormat kIq4Nl;   // distribution; those of GGUF's IQ4_NL, in groups of 32
extern const WeightFormat kNf3G64;  // eight levels of the same kind

inline constexpr std::array kWeightFormats{&kF32,     &kBf16,    &kInt8,     &kInt8G32,  &kQ6K,
                                           &kQ4K,     &kInt4G32, &kInt4G64,  &kInt4G128, &kInt4G256,
                                           &kInt3G32, &kInt3G64, &kInt3G128, &kInt2G32,  &kInt2G64,
                                           &kQ40,     &kNf4G64,  &kIq4Nl,    &kNf3G64};

// Whether zero weights stay exactly zero.
bool keeps_zeros(const WeightFormat& format);

// Bits stored per weight, scales and padding included.
double bits_per_weight(const WeightFormat& format, int n, int k);

// A packed matrix that somebody else owns; data is aligned to 64 bytes.
struct PackedMatrix {
  const WeightFormat* format = nullptr;
  int n = 0;
  int k = 0;
  std::span<const std::byte> data;

  int panels() const { return (n + 15) / 16; }
  // Columns 16 * begin … 16 * end alone (the last panel may be short).
  PackedMatrix panels(int begin, int end) const {
    const std::size_t bytes = format->packed_bytes(16, k);
    return {format, std::min(16 * end, n) - 16 * begin, k,
            data.subspan(std::size_t(begin) * bytes, std::size_t(end - begin) * bytes)};
  }
};

}  // namespace paretune
