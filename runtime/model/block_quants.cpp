// ggml's first quantized types: blocks of 32 values with one scale (and, in the _1 types, one
// minimum). Source: ggml/src/ggml-common.h, ggml-quants.c. Low nibbles hold values 0..15 of a
// block, high nibbles 16..31; the fifth bits of Q5 are a u32, bit j for value j.
//   Q4_0  f16 d, u8 q[16]               d * (q - 8)
//   Q4_1  f16 d, f16 m, u8 q[16]        d * q + m
//   Q5_0  f16 d, u32 high, u8 q[16]     d * (q - 16)
//   Q5_1  f16 d, f16 m, u32 high, u8 q[16]   d * q + m
//   Q8_0  f16 d, s8 q[32]               d * q
//   IQ4_NL  f16 d, u8 q[16]             d * kIq4[q]
#include <cassert>
#include <cstring>

#include "runtime/model/half.h"
#include "runtime/model/tensor_types.h"

namespace paretune {
namespace {

constexpr int kBlock = 32;

std::uint32_t load_u32(const std::byte* bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// out[j] = d * (q[j] + offset) + m, with q[j] a nibble and, from high, its fifth bit.
void unpack_nibbles(const std::byte* q, std::uint32_t high, float d, int offset, float m,
                    float* out) {
  for (int j = 0; j < kBlock / 2; ++j) {
    const int byte = std::to_integer<int>(q[j]);
    const int low_code = (byte & 15) | static_cast<int>((high >> j & 1) << 4);
    const int high_code = (byte >> 4) | static_cast<int>((high >> (j + 16) & 1) << 4);
    out[j] = d * static_cast<float>(low_code + offset) + m;
    out[j + 16] = d * static_cast<float>(high_code + offset) + m;
  }
}

// Calls unpack(block, out) for each block of block_bytes.
template <class Unpack>
void for_each_block(std::span<const std::byte> blocks, int block_bytes, std::span<float> out,
                    Unpack unpack) {
  const std::size_t n = out.size() / kBlock;
  assert(out.size() % kBlock == 0 && blocks.size() == n * block_bytes);
  for (std::size_t i = 0; i < n; ++i)
    unpack(blocks.data() + i * block_bytes, out.data() + i * kBlock);
}

}  // namespace

void q4_0_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  for_each_block(blocks, 18, out, [](const std::byte* block, float* values) {
    unpack_nibbles(block + 2, 0, load_half(block), -8, 0, values);
  });
}

void q4_1_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  for_each_block(blocks, 20, out, [](const std::byte* block, float* values) {
    unpack_nibbles(block + 4, 0, load_half(block), 0, load_half(block + 2), values);
  });
}

void q5_0_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  for_each_block(blocks, 22, out, [](const std::byte* block, float* values) {
    unpack_nibbles(block + 6, load_u32(block + 2), load_half(block), -16, 0, values);
  });
}

void q5_1_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  for_each_block(blocks, 24, out, [](const std::byte* block, float* values) {
    unpack_nibbles(block + 8, load_u32(block + 4), load_half(block), 0, load_half(block + 2),
                   values);
  });
}

void iq4_nl_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  for_each_block(blocks, 18, out, [](const std::byte* block, float* values) {
    const float d = load_half(block);
    for (int j = 0; j < kBlock / 2; ++j) {
      const auto byte = std::to_integer<std::size_t>(block[2 + j]);
      values[j] = d * kIq4[byte & 15];
      values[j + 16] = d * kIq4[byte >> 4];
    }
  });
}

void q8_0_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  for_each_block(blocks, 34, out, [](const std::byte* block, float* values) {
    const float d = load_half(block);
    for (int j = 0; j < kBlock; ++j) {
      values[j] = d * static_cast<float>(std::to_integer<std::int8_t>(block[2 + j]));
    }
  });
}

}  // namespace paretune
