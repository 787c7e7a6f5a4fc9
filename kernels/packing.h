// The geometry that all packed weights share (weight_format.h) and how numbers are rounded to
// integer codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace paretune {

inline constexpr int kPanelColumns = 16;
inline constexpr int kDepthStep = 64;  // k is padded to this: one AMX tile of int8, two of bf16

constexpr int panel_count(int n) { return (n + kPanelColumns - 1) / kPanelColumns; }
constexpr int padded_k(int k) { return (k + kDepthStep - 1) / kDepthStep * kDepthStep; }
constexpr std::size_t round_up_64(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// To the nearest integer, ties to even, within [low, high]; not-a-number becomes low. |low|, |high|
// < 2^22.
inline int round_within(float value, float low, float high) {
  constexpr float kShift =
      0x1.8p23f;  // at this size a float has no fraction left: the addition rounds
  const float clamped = value > low ? (value < high ? value : high) : low;
  return static_cast<int>((clamped + kShift) - kShift);
}

// The code whose level, less 128, is nearest to value / scale; of a scale of 0, that nearest to
// zero. levels: ascending
inline int nearest_level(std::span<const std::uint8_t> levels, float value, float scale) {
  const float wanted = scale != 0 ? value / scale + 128 : 128;
  int code = 0;
  for (std::size_t i = 1; i < levels.size(); ++i) {
    if (2 * wanted > float(levels[i - 1] + levels[i])) code = static_cast<int>(i);
  }
  return code;
}

// The scale at which levels span values from low ≤ 0 to high ≥ 0. Where the lowest level reaches
// farther than the highest, what lies farther from zero becomes the lowest, by a negative scale if
// it is high.
inline float level_scale(std::span<const std::uint8_t> levels, float low, float high) {
  const bool even = levels.front() + levels.back() == 256;
  const bool mirrored = high > -low && !even;
  return (mirrored ? -high : high > -low ? high : -low) / 127;
}

// Symmetric int8: code = round(value * inverse), value ≈ code * scale. Below 1e-30, where the
// inverse could overflow, all codes are zero.
struct SymmetricScale {
  float scale, inverse;
  explicit SymmetricScale(float largest)
      : scale(largest > 1e-30f ? largest / 127 : 0),
        inverse(largest > 1e-30f ? 127 / largest : 0) {}
};

// int8 panel: kp * 16 codes, then 16 scales (f32).
constexpr std::size_t int8_panel_bytes(int k) {
  return std::size_t(padded_k(k)) * kPanelColumns + kPanelColumns * sizeof(float);
}
// Where the code of (k, column) lies in a panel: panel[k/4][16][4].
constexpr std::size_t int8_index(int k, int column) {
  return std::size_t(k / 4) * 64 + std::size_t(column) * 4 + std::size_t(k % 4);
}
// panel[k/2][16][2], in elements.
constexpr std::size_t bf16_index(int k, int column) {
  return std::size_t(k / 2) * 32 + std::size_t(column) * 2 + std::size_t(k % 2);
}

}  // namespace paretune
