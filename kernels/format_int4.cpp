// Weights as 4-bit codes: asymmetric, one f16 scale and one integer zero per group along k (layout
// in int4.h).
//
// The grid of a group spans [min(w, 0), max(w, 0)], so that zero weights (padding, pruned ones)
// stay exactly zero.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "kernels/int4.h"
#include "kernels/narrow_float.h"
#include "kernels/weight_format.h"

namespace paretune {
namespace {

constexpr float kLargestF16 = 65504;

template <int Group>
std::size_t packed_bytes(int n, int k) {
  return std::size_t(panel_count(n)) * Int4Layout(k, Group).panel_bytes;
}

// One group of one row: `count` weights that start at k = begin.
void pack_group(const float* w, int begin, int count, const Int4Layout& layout, int column,
                std::uint8_t* panel, std::uint16_t* scale_out, std::uint8_t* zero_out) {
  float low = 0, high = 0;
  for (int i = 0; i < count; ++i) {
    low = std::min(low, w[begin + i]);
    high = std::max(high, w[begin + i]);
  }
  *scale_out = f32_to_f16(std::min(high / 15 - low / 15, kLargestF16));
  const float scale = f16_to_f32(*scale_out);  // what readers see
  if (!(scale > 0)) return;                    // all zero: codes, zero and scale are zero already
  const int zero = round_within(-low / scale, 0, 15);
  *zero_out = static_cast<std::uint8_t>(zero);
  for (int i = 0; i < count; ++i) {
    const int k = begin + i;
    const int code = zero + round_within(w[k] / scale, float(-zero), float(15 - zero));
    panel[layout.code_at(k, column)] |= static_cast<std::uint8_t>(code << Int4Layout::shift_of(k));
  }
}

// Padding stands for zero.
void pad_row(const Int4Layout& layout, int k, int column, std::uint8_t* panel) {
  for (int i = k; i < layout.kp; ++i) {
    panel[layout.code_at(i, column)] |= static_cast<std::uint8_t>(
        panel[layout.zeros_at(i / layout.group) + column] << Int4Layout::shift_of(i));
  }
}

std::uint16_t* scale_of(const Int4Layout& layout, int g, int column, std::uint8_t* panel) {
  return reinterpret_cast<std::uint16_t*>(panel + layout.scales_at(g)) + column;
}

// fill(row, column, panel) for every row of the panels, which begin as zeros.
template <class Fill>
void fill_panels(const Int4Layout& layout, int k, int row_begin, int row_end,
                 std::span<std::byte> packed, Fill&& fill) {
  for (int first = row_begin; first < row_end; first += kPanelColumns) {
    auto* panel = reinterpret_cast<std::uint8_t*>(packed.data()) +
                  std::size_t(first / kPanelColumns) * layout.panel_bytes;
    std::memset(panel, 0, layout.panel_bytes);
    for (int row = first; row < std::min(first + kPanelColumns, row_end); ++row) {
      fill(row, row - first, panel);
      pad_row(layout, k, row - first, panel);
    }
  }
}

template <int Group>
void pack(std::span<const float> w, [[maybe_unused]] int n, int k, int row_begin, int row_end,
          std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes<Group>(n, k) &&
         w.size() == std::size_t(row_end - row_begin) * k);
  const Int4Layout layout(k, Group);
  fill_panels(layout, k, row_begin, row_end, packed, [&](int row, int column, std::uint8_t* panel) {
    const float* from = w.data() + std::size_t(row - row_begin) * k;
    for (int g = 0; g < layout.groups; ++g) {
      const int begin = g * Group;
      pack_group(from, begin, std::clamp(k - begin, 0, Group), layout, column, panel,
                 scale_of(layout, g, column, panel), panel + layout.zeros_at(g) + column);
    }
  });
}

template <int Group>
void pack_codes(std::span<const std::uint8_t> codes, std::span<const std::uint16_t> scales,
                std::span<const std::uint8_t> zeros, [[maybe_unused]] int n, int k, int row_begin,
                int row_end, std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes<Group>(n, k) && k % Group == 0);
  assert(codes.size() == std::size_t(row_end - row_begin) * k);
  const Int4Layout layout(k, Group);
  const int groups = k / Group;
  fill_panels(layout, k, row_begin, row_end, packed, [&](int row, int column, std::uint8_t* panel) {
    const std::size_t at = std::size_t(row - row_begin);
    for (int g = 0; g < groups; ++g) {
      *scale_of(layout, g, column, panel) = scales[at * groups + g];
      panel[layout.zeros_at(g) + column] = zeros[at * groups + g];
    }
    for (int i = 0; i < k; ++i) {
      panel[layout.code_at(i, column)] |=
          static_cast<std::uint8_t>(codes[at * k + i] << Int4Layout::shift_of(i));
    }
  });
}

template <int Group>
void unpack_row(std::span<const std::byte> packed, [[maybe_unused]] int n, int k, int row,
                std::span<float> out) {
  assert(packed.size() == packed_bytes<Group>(n, k) && row < n && out.size() == std::size_t(k));
  const Int4Layout layout(k, Group);
  const auto* panel = reinterpret_cast<const std::uint8_t*>(packed.data()) +
                      std::size_t(row / kPanelColumns) * layout.panel_bytes;
  const int column = row % kPanelColumns;
  for (int i = 0; i < k; ++i) {
    const auto* scales =
        reinterpret_cast<const std::uint16_t*>(panel + layout.scales_at(i / Group));
    const int code = panel[layout.code_at(i, column)] >> Int4Layout::shift_of(i) & 15;
    out[i] = float(code - panel[layout.zeros_at(i / Group) + column]) * f16_to_f32(scales[column]);
  }
}

template <int Group>
constexpr WeightFormat int4_format(std::string_view name) {
  return {.name = name,
          .integer = true,
          .group = Group,
          .packed_bytes = packed_bytes<Group>,
          .pack = pack<Group>,
          .pack_codes = pack_codes<Group>,
          .unpack_row = unpack_row<Group>};
}

}  // namespace

constinit const WeightFormat kInt4G32 = int4_format<32>("int4_g32");
constinit const WeightFormat kInt4G64 = int4_format<64>("int4_g64");
constinit const WeightFormat kInt4G128 = int4_format<128>("int4_g128");
constinit const WeightFormat kInt4G256 = int4_format<256>("int4_g256");

}  // namespace paretune
