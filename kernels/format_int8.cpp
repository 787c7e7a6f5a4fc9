// Weights as int8: symmetric, one f32 scale a row, codes within ±127.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "kernels/packing.h"
#include "kernels/weight_format.h"

namespace paretune {
namespace {

std::size_t packed_bytes(int n, int k) { return std::size_t(panel_count(n)) * int8_panel_bytes(k); }

void pack(std::span<const float> w, [[maybe_unused]] int n, int k, int row_begin, int row_end,
          std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes(n, k) && w.size() == std::size_t(row_end - row_begin) * k);
  for (int first = row_begin; first < row_end; first += kPanelColumns) {
    std::byte* bytes = packed.data() + std::size_t(first / kPanelColumns) * int8_panel_bytes(k);
    std::memset(bytes, 0, int8_panel_bytes(k));
    auto* codes = reinterpret_cast<std::int8_t*>(bytes);
    auto* scales = reinterpret_cast<float*>(bytes + std::size_t(padded_k(k)) * kPanelColumns);
    for (int row = first; row < std::min(first + kPanelColumns, row_end); ++row) {
      const float* from = w.data() + std::size_t(row - row_begin) * k;
      float largest = 0;
      for (int i = 0; i < k; ++i) largest = std::max(largest, std::fabs(from[i]));
      const float scale = SymmetricScale(largest).scale;
      scales[row - first] = scale;
      for (int i = 0; i < k && scale > 0; ++i) {
        codes[int8_index(i, row - first)] =
            static_cast<std::int8_t>(round_within(from[i] / scale, -127, 127));
      }
    }
  }
}

void encode(std::span<const float> row, RowCodes& out) {
  float largest = 0;
  for (const float v : row) largest = std::max(largest, std::fabs(v));
  const float scale = SymmetricScale(largest).scale;
  out.scales.assign(1, scale);
  out.codes.assign(row.size(), 128);
  for (std::size_t i = 0; i < row.size() && scale > 0; ++i) {
    out.codes[i] = static_cast<std::uint8_t>(128 + round_within(row[i] / scale, -127, 127));
  }
}

void pack_codes(std::span<const RowCodes> rows, [[maybe_unused]] int n, int k, int row_begin,
                int row_end, std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes(n, k) && rows.size() == std::size_t(row_end - row_begin));
  for (int first = row_begin; first < row_end; first += kPanelColumns) {
    std::byte* bytes = packed.data() + std::size_t(first / kPanelColumns) * int8_panel_bytes(k);
    std::memset(bytes, 0, int8_panel_bytes(k));
    auto* codes = reinterpret_cast<std::int8_t*>(bytes);
    auto* scales = reinterpret_cast<float*>(bytes + std::size_t(padded_k(k)) * kPanelColumns);
    for (int row = first; row < std::min(first + kPanelColumns, row_end); ++row) {
      const RowCodes& from = rows[std::size_t(row - row_begin)];
      scales[row - first] = from.scales[0];
      for (int i = 0; i < k; ++i) {
        codes[int8_index(i, row - first)] =
            static_cast<std::int8_t>(int(from.codes[std::size_t(i)]) - 128);
      }
    }
  }
}

void unpack_row(std::span<const std::byte> packed, [[maybe_unused]] int n, int k, int row,
                std::span<float> out) {
  assert(packed.size() == packed_bytes(n, k) && row < n && out.size() == std::size_t(k));
  const std::byte* bytes = packed.data() + std::size_t(row / kPanelColumns) * int8_panel_bytes(k);
  const auto* codes = reinterpret_cast<const std::int8_t*>(bytes);
  const auto* scales =
      reinterpret_cast<const float*>(bytes + std::size_t(padded_k(k)) * kPanelColumns);
  const int column = row % kPanelColumns;
  for (int i = 0; i < k; ++i) out[i] = float(codes[int8_index(i, column)]) * scales[column];
}

}  // namespace

constinit const WeightFormat kInt8{.name = "int8",
                                   .integer = true,
                                   .group = 0,
                                   .bits = 8,
                                   .packed_bytes = packed_bytes,
                                   .pack = pack,
                                   .pack_codes = pack_codes,
                                   .encode = encode,
                                   .unpack_row = unpack_row};

}  // namespace paretune
