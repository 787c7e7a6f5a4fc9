// KV cache vectors as f32, as bf16, and as int8 behind one f32 scale.
#include "kernels/kv_format.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/narrow_float.h"
#include "kernels/packing.h"

namespace paretune {
namespace {

void store_f32(std::span<const float> vector, std::byte* out) {
  std::memcpy(out, vector.data(), vector.size_bytes());
}
void load_f32(const std::byte* stored, std::span<float> vector) {
  std::memcpy(vector.data(), stored, vector.size_bytes());
}

void store_bf16(std::span<const float> vector, std::byte* out) {
  std::transform(vector.begin(), vector.end(), reinterpret_cast<std::uint16_t*>(out), f32_to_bf16);
}
void load_bf16(const std::byte* stored, std::span<float> vector) {
  const auto* from = reinterpret_cast<const std::uint16_t*>(stored);
  std::transform(from, from + vector.size(), vector.begin(), bf16_to_f32);
}

// f32 scale, then head_dim codes; a whole number of floats, so that every scale is aligned.
std::size_t int8_bytes(int head_dim) { return sizeof(float) + (std::size_t(head_dim) + 3) / 4 * 4; }

void store_int8(std::span<const float> vector, std::byte* out) {
  float largest = 0;
  for (float v : vector) largest = std::max(largest, std::fabs(v));
  const auto [scale, inverse] = SymmetricScale(largest);
  std::memcpy(out, &scale, sizeof scale);
  auto* codes = reinterpret_cast<std::int8_t*>(out + sizeof scale);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    codes[i] = static_cast<std::int8_t>(round_within(vector[i] * inverse, -127, 127));
  }
}
void load_int8(const std::byte* stored, std::span<float> vector) {
  float scale;
  std::memcpy(&scale, stored, sizeof scale);
  const auto* codes = reinterpret_cast<const std::int8_t*>(stored + sizeof scale);
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = float(codes[i]) * scale;
}

}  // namespace

constinit const KvFormat kKvF32{"f32", [](int head_dim) { return std::size_t(head_dim) * 4; },
                                store_f32, load_f32};
constinit const KvFormat kKvBf16{"bf16", [](int head_dim) { return std::size_t(head_dim) * 2; },
                                 store_bf16, load_bf16};
constinit const KvFormat kKvInt8{"int8", int8_bytes, store_int8, load_int8};

}  // namespace paretune
