// Weights as codes in groups (layouts in grouped.h), rounded to the nearest.
//
// An affine group's grid spans [min(w, 0), max(w, 0)] and has a code for zero, so that zero weights
// (pruned ones) stay exactly zero; in the grid of Q4_K they may not.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "kernels/grouped_scalar.h"
#include "kernels/narrow_float.h"

namespace paretune {
namespace {

// Rounds a quotient; a scale of zero has the one code `zero`.
int code_of(float value, float scale, int zero, int most) {
  if (!(scale != 0)) return zero;
  return zero + round_within(value / scale, float(-zero), float(most - zero));
}

struct Span {
  float low = 0, high = 0;  // zero is within
  explicit Span(std::span<const float> values) {
    for (const float v : values) {
      low = std::min(low, v);
      high = std::max(high, v);
    }
  }
  float largest() const { return std::max(-low, high); }
};

std::span<const float> group_of(std::span<const float> row, int group, int g) {
  const auto begin = std::min(std::size_t(g) * std::size_t(group), row.size());
  return row.subspan(begin, std::min(std::size_t(group), row.size() - begin));
}

template <class G>
void encode(std::span<const float> row, RowCodes& out) {
  const int k = static_cast<int>(row.size());
  const int groups = (k + G::kGroup - 1) / G::kGroup;
  constexpr int kMost = (1 << G::kBits) - 1;
  out.codes.resize(row.size());
  out.zeros.assign(G::kHeader == Header::affine ? std::size_t(groups) : 0, 0);
  const auto code_group = [&](int g, float scale, int zero, float minimum) {
    std::uint8_t* to = out.codes.data() + std::size_t(g) * G::kGroup;
    for (const float w : group_of(row, G::kGroup, g)) {
      *to++ = static_cast<std::uint8_t>(code_of(w + minimum, scale, zero, kMost));
    }
  };
  if constexpr (!G::kSuper) {
    out.scales.resize(std::size_t(groups));
    for (int g = 0; g < groups; ++g) {
      const Span span(group_of(row, G::kGroup, g));
      float& scale = out.scales[std::size_t(g)];
      int zero = G::kMiddle;
      if constexpr (G::kHeader == Header::affine) {
        scale = nearest_f16(span.high / kMost - span.low / kMost);
        zero = scale > 0 ? round_within(-span.low / scale, 0, kMost) : 0;
        out.zeros[std::size_t(g)] = static_cast<std::uint8_t>(zero);
      } else if constexpr (G::kLevels) {
        scale = nearest_f16(level_scale(G::levels(), span.low, span.high));
        std::uint8_t* to = out.codes.data() + std::size_t(g) * G::kGroup;
        for (const float w : group_of(row, G::kGroup, g))
          *to++ = static_cast<std::uint8_t>(nearest_level(G::levels(), w, scale));
        continue;
      } else {
        scale = nearest_f16(span.largest() / (G::kMiddle - 1));
      }
      code_group(g, scale, zero, 0);
    }
    return;
  }
  const int blocks = (groups + G::kBlockGroups - 1) / G::kBlockGroups;
  out.scales.resize(std::size_t(blocks));
  out.sub_scales.resize(std::size_t(groups));
  out.minima.resize(G::kMinimum ? std::size_t(blocks) : 0);
  out.sub_minima.resize(G::kMinimum ? std::size_t(groups) : 0);
  constexpr int kMostSub = G::kMinimum ? 63 : 127;
  for (int b = 0; b < blocks; ++b) {
    const int begin = b * G::kBlockGroups, end = std::min(begin + G::kBlockGroups, groups);
    float scales[16], minima[16], scale_most = 0, minimum_most = 0;
    for (int g = begin; g < end; ++g) {
      const Span span(group_of(row, G::kGroup, g));
      float& scale = scales[g - begin];
      minima[g - begin] = G::kMinimum ? -span.low : 0;
      scale =
          G::kMinimum ? span.high / kMost - span.low / kMost : span.largest() / (G::kMiddle - 1);
      scale_most = std::max(scale_most, scale);
      minimum_most = std::max(minimum_most, minima[g - begin]);
    }
    const float d = out.scales[std::size_t(b)] = nearest_f16(scale_most / kMostSub);
    const float dmin = nearest_f16(minimum_most / kMostSub);
    if constexpr (G::kMinimum) out.minima[std::size_t(b)] = dmin;
    for (int g = begin; g < end; ++g) {
      const int sub = code_of(scales[g - begin], d, 0, kMostSub);
      const int sub_minimum = code_of(minima[g - begin], dmin, 0, kMostSub);
      out.sub_scales[std::size_t(g)] = static_cast<std::uint8_t>(sub);
      if constexpr (G::kMinimum) {
        out.sub_minima[std::size_t(g)] = static_cast<std::uint8_t>(sub_minimum);
      }
      code_group(g, d * float(sub), G::kMinimum ? 0 : G::kMiddle, dmin * float(sub_minimum));
    }
  }
}

template <class G>
std::size_t packed_bytes(int n, int k) {
  return std::size_t(panel_count(n)) * G::panel_bytes(k);
}

// The bits from `low` up of a chunk's codes, if the format has a plane of so many; moves both on.
template <class G, int Bits>
void store_plane(const std::uint8_t* codes, std::uint8_t*& plane, int& low) {
  if constexpr ((G::kBits & Bits) != 0) {
    constexpr int kInLine = 8 / Bits;  // vectors of 4 k
    for (int line = 0; line < Bits; ++line, plane += 64) {
      for (int j = 0; j < 4; ++j) {
        unsigned byte = 0;
        for (int v = 0; v < kInLine; ++v) {
          const unsigned code = codes[4 * (line * kInLine + v) + j];
          byte |= (code >> low & ((1u << Bits) - 1)) << (v * Bits);
        }
        plane[j] = static_cast<std::uint8_t>(byte);
      }
    }
    low += Bits;
  }
}

template <class G>
void store_row(const RowCodes& row, int k, int column, std::uint8_t* panel) {
  const auto put_half = [&](std::size_t at, float value) {
    const std::uint16_t bits = f32_to_f16(value);
    std::memcpy(panel + at, &bits, 2);
  };
  const auto at = std::size_t(column);
  const int groups = (k + G::kGroup - 1) / G::kGroup;
  for (int g = 0; g < groups; ++g) {
    const auto i = std::size_t(g);
    if constexpr (G::kSuper) {
      panel[G::scale_at(g) + at] = row.sub_scales[i];
      if constexpr (G::kMinimum) panel[G::zero_at(g) + at] = row.sub_minima[i];
      if (g % G::kBlockGroups > 0) continue;
      const auto block = i / G::kBlockGroups;
      put_half(G::block_at(g) + 2 * at, row.scales[block]);
      if constexpr (G::kMinimum) put_half(G::block_at(g) + 32 + 2 * at, row.minima[block]);
    } else {
      put_half(G::scale_at(g) + 2 * at, row.scales[i]);
      if constexpr (G::kHeader == Header::affine) panel[G::zero_at(g) + at] = row.zeros[i];
    }
  }
  for (int chunk = 0; chunk < k; chunk += G::kChunk) {
    std::uint8_t codes[G::kChunk] = {};
    std::copy_n(row.codes.data() + chunk, std::min(G::kChunk, k - chunk), codes);
    std::uint8_t* plane = panel + G::chunk_at(chunk) + 4 * at;
    int low = 0;
    store_plane<G, 8>(codes, plane, low);
    store_plane<G, 4>(codes, plane, low);
    store_plane<G, 2>(codes, plane, low);
    store_plane<G, 1>(codes, plane, low);
  }
}

// row_codes(row): the codes of a row of the matrix.
template <class G, class Rows>
void fill_panels(int k, int row_begin, int row_end, std::span<std::byte> packed, Rows&& row_codes) {
  for (int first = row_begin; first < row_end; first += kPanelColumns) {
    auto* panel = reinterpret_cast<std::uint8_t*>(packed.data()) +
                  std::size_t(first / kPanelColumns) * G::panel_bytes(k);
    std::memset(panel, 0, G::panel_bytes(k));
    for (int row = first; row < std::min(first + kPanelColumns, row_end); ++row) {
      store_row<G>(row_codes(row), k, row - first, panel);
    }
  }
}

template <class G>
void pack(std::span<const float> w, [[maybe_unused]] int n, int k, int row_begin, int row_end,
          std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes<G>(n, k) &&
         w.size() == std::size_t(row_end - row_begin) * k);
  RowCodes codes;
  fill_panels<G>(k, row_begin, row_end, packed, [&](int row) -> const RowCodes& {
    encode<G>(w.subspan(std::size_t(row - row_begin) * k, std::size_t(k)), codes);
    return codes;
  });
}

template <class G>
void pack_codes(std::span<const RowCodes> rows, [[maybe_unused]] int n, int k, int row_begin,
                int row_end, std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes<G>(n, k) && rows.size() == std::size_t(row_end - row_begin));
  fill_panels<G>(k, row_begin, row_end, packed,
                 [&](int row) -> const RowCodes& { return rows[std::size_t(row - row_begin)]; });
}

template <class G>
void unpack_row(std::span<const std::byte> packed, [[maybe_unused]] int n, int k, int row,
                std::span<float> out) {
  assert(packed.size() == packed_bytes<G>(n, k) && row < n && out.size() == std::size_t(k));
  const auto* panel = reinterpret_cast<const std::uint8_t*>(packed.data()) +
                      std::size_t(row / kPanelColumns) * G::panel_bytes(k);
  const int column = row % kPanelColumns;
  for (int i = 0; i < k; ++i) {
    out[std::size_t(i)] =
        group_value<G>(panel, i / G::kGroup, column).of(code_at<G>(panel, i, column));
  }
}

template <const WeightFormat& W>
constexpr WeightFormat grouped_format(std::string_view name) {
  using G = GridOf<W>;
  return {.name = name,
          .integer = true,
          .group = G::kGroup,
          .bits = G::kSuper ? 0 : G::kBits,
          .zeros = G::kHeader == Header::affine,
          .levels = G::levels(),
          .packed_bytes = packed_bytes<G>,
          .pack = pack<G>,
          .pack_codes = pack_codes<G>,
          .encode = encode<G>,
          .unpack_row = unpack_row<G>};
}

}  // namespace

constinit const WeightFormat kInt8G32 = grouped_format<kInt8G32>("int8_g32");
constinit const WeightFormat kQ6K = grouped_format<kQ6K>("q6_k");
constinit const WeightFormat kQ4K = grouped_format<kQ4K>("q4_k");
constinit const WeightFormat kInt4G32 = grouped_format<kInt4G32>("int4_g32");
constinit const WeightFormat kInt4G64 = grouped_format<kInt4G64>("int4_g64");
constinit const WeightFormat kInt4G128 = grouped_format<kInt4G128>("int4_g128");
constinit const WeightFormat kInt4G256 = grouped_format<kInt4G256>("int4_g256");
constinit const WeightFormat kInt3G32 = grouped_format<kInt3G32>("int3_g32");
constinit const WeightFormat kQ40 = grouped_format<kQ40>("q4_0");
constinit const WeightFormat kInt3G64 = grouped_format<kInt3G64>("int3_g64");
constinit const WeightFormat kInt3G128 = grouped_format<kInt3G128>("int3_g128");
constinit const WeightFormat kInt2G32 = grouped_format<kInt2G32>("int2_g32");
constinit const WeightFormat kInt2G64 = grouped_format<kInt2G64>("int2_g64");
constinit const WeightFormat kNf4G64 = grouped_format<kNf4G64>("nf4_g64");
constinit const WeightFormat kNf3G64 = grouped_format<kNf3G64>("nf3_g64");
constinit const WeightFormat kIq4Nl = grouped_format<kIq4Nl>("iq4_nl");

}  // namespace paretune
