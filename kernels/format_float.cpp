// Weights as floating point: f32 (panel[k][16]) and bf16 (panel[k/2][16][2], rounded to nearest
// even).
#include <algorithm>
#include <cassert>
#include <cstring>

#include "kernels/narrow_float.h"
#include "kernels/packing.h"
#include "kernels/weight_format.h"

namespace paretune {
namespace {

struct F32Codec {
  using Code = float;
  static Code encode(float value) { return value; }
  static float decode(Code code) { return code; }
  static std::size_t index(int k, int column) { return std::size_t(k) * kPanelColumns + column; }
};

struct Bf16Codec {
  using Code = std::uint16_t;
  static Code encode(float value) { return f32_to_bf16(value); }
  static float decode(Code code) { return bf16_to_f32(code); }
  static std::size_t index(int k, int column) { return bf16_index(k, column); }
};

template <class Codec>
std::size_t panel_bytes(int k) {
  return std::size_t(padded_k(k)) * kPanelColumns * sizeof(typename Codec::Code);
}

template <class Codec>
std::size_t packed_bytes(int n, int k) {
  return std::size_t(panel_count(n)) * panel_bytes<Codec>(k);
}

template <class Codec>
void pack(std::span<const float> w, [[maybe_unused]] int n, int k, int row_begin, int row_end,
          std::span<std::byte> packed) {
  assert(packed.size() == packed_bytes<Codec>(n, k) &&
         w.size() == std::size_t(row_end - row_begin) * k);
  using Code = typename Codec::Code;
  for (int first = row_begin; first < row_end; first += kPanelColumns) {
    std::byte* bytes = packed.data() + std::size_t(first / kPanelColumns) * panel_bytes<Codec>(k);
    std::memset(bytes, 0, panel_bytes<Codec>(k));
    auto* panel = reinterpret_cast<Code*>(bytes);
    for (int row = first; row < std::min(first + kPanelColumns, row_end); ++row) {
      const float* from = w.data() + std::size_t(row - row_begin) * k;
      for (int i = 0; i < k; ++i) panel[Codec::index(i, row - first)] = Codec::encode(from[i]);
    }
  }
}

template <class Codec>
void unpack_row(std::span<const std::byte> packed, [[maybe_unused]] int n, int k, int row,
                std::span<float> out) {
  assert(packed.size() == packed_bytes<Codec>(n, k) && row < n && out.size() == std::size_t(k));
  const auto* panel = reinterpret_cast<const typename Codec::Code*>(
      packed.data() + std::size_t(row / kPanelColumns) * panel_bytes<Codec>(k));
  for (int i = 0; i < k; ++i) out[i] = Codec::decode(panel[Codec::index(i, row % kPanelColumns)]);
}

template <class Codec>
constexpr WeightFormat float_format(std::string_view name) {
  return {.name = name,
          .integer = false,
          .group = -1,
          .packed_bytes = packed_bytes<Codec>,
          .pack = pack<Codec>,
          .unpack_row = unpack_row<Codec>};
}

}  // namespace

constinit const WeightFormat kF32 = float_format<F32Codec>("f32");
constinit const WeightFormat kBf16 = float_format<Bf16Codec>("bf16");

bool keeps_zeros(const WeightFormat& format) {
  constexpr std::uint8_t kZero = 128;
  return &format != &kQ4K &&
         (format.levels.empty() || std::ranges::find(format.levels, kZero) != format.levels.end());
}

double bits_per_weight(const WeightFormat& format, int n, int k) {
  return 8.0 * double(format.packed_bytes(n, k)) / (double(n) * k);
}

}  // namespace paretune
