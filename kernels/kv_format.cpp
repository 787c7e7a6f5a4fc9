// KV cache vectors as f32, bf16, int8 and int4.
#include "kernels/kv_format.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/elementwise.h"
#include "kernels/kv_grid.h"
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
  auto* const codes = reinterpret_cast<std::int8_t*>(out + sizeof(float));
  const float scale = quantize_int8(vector, {codes, vector.size()});
  std::memcpy(out, &scale, sizeof scale);
}
void load_int8(const std::byte* stored, std::span<float> vector) {
  float scale;
  std::memcpy(&scale, stored, sizeof scale);
  const auto* codes = reinterpret_cast<const std::int8_t*>(stored + sizeof scale);
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = float(codes[i]) * scale;
}

void store_int4(std::span<const float> vector, std::byte* out) {
  std::vector<float> rotated(vector.begin(), vector.end());
  rotate(rotated);
  store_groups<4>(rotated, out);
}
void load_int4(const std::byte* stored, std::span<float> vector) {
  load_groups<4>(stored, vector);
  rotate(vector);
}

}  // namespace

void rotate(std::span<float> vector) {
  const std::size_t block = vector.size() & (~vector.size() + 1);
  if (block < 2) return;
  const float norm = 1 / std::sqrt(float(block));
  for (std::size_t begin = 0; begin < vector.size(); begin += block) {
    float* const x = vector.data() + begin;
    for (std::size_t half = 1; half < block; half *= 2) {
      for (std::size_t i = 0; i < block; i += 2 * half) {
        for (std::size_t j = i; j < i + half; ++j) {
          const float a = x[j], b = x[j + half];
          x[j] = a + b;
          x[j + half] = a - b;
        }
      }
    }
    for (std::size_t i = 0; i < block; ++i) x[i] *= norm;
  }
}

constinit const KvFormat kKvF32{"f32", [](int head_dim) { return std::size_t(head_dim) * 4; },
                                store_f32, load_f32};
constinit const KvFormat kKvBf16{"bf16", [](int head_dim) { return std::size_t(head_dim) * 2; },
                                 store_bf16, load_bf16};
constinit const KvFormat kKvInt8{"int8", int8_bytes, store_int8, load_int8};
constinit const KvFormat kKvInt8A8{.name = "int8_a8",
                                   .vector_bytes = int8_bytes,
                                   .store = store_int8,
                                   .load = load_int8,
                                   .a8 = true};
constinit const KvFormat kKvInt4{"int4", kv_int4_bytes, store_int4, load_int4, true};

}  // namespace paretune
