// ggml's k-quants: superblocks of 256 values, whose sub-blocks have integer scales of their own.
// Source: ggml/src/ggml-common.h, ggml-quants.c.
//   Q2_K  u8 scales[16], u8 q[64], f16 d, f16 dmin                16 sub-blocks of 16
//         value = (d * scale) * q - (dmin * minimum); scale is the low nibble, minimum the high
//   Q3_K  u8 high[32], u8 q[64], u8 scales[12], f16 d             16 sub-blocks of 16
//         value = (d * (scale - 32)) * (q - 4); scales are 6 bits each
//   Q4_K  f16 d, f16 dmin, u8 scales[12], u8 q[128]               8 sub-blocks of 32
//   Q5_K  f16 d, f16 dmin, u8 scales[12], u8 high[32], u8 q[128]  8 sub-blocks of 32
//         value = (d * scale) * q - (dmin * minimum); scales and minima are 6 bits each
//   Q6_K  u8 low[128], u8 high[64], s8 scales[16], f16 d          16 sub-blocks of 16
//         value = (d * scale) * (q - 32)
//   IQ4_XS  f16 d, u16 high, u8 low[4], u8 q[128]                 8 sub-blocks of 32
//         value = (d * (scale - 32)) * kIq4[q]; scales are 6 bits each
#include "runtime/model/k_quants.h"

#include <cassert>
#include <cstring>

#include "runtime/model/half.h"
#include "runtime/model/tensor_types.h"

namespace paretune {
namespace {

constexpr int kSuperblock = 256;

// Q4_K and Q5_K: 64 values share 32 bytes of q, the first 32 in low nibbles; high (may be null)
// holds the fifth bit of value l of sub-block j in bit j of byte l.
void unpack_scaled_min(const std::byte* block, const std::byte* high, const std::byte* q,
                       float* out) {
  const float d = load_half(block);
  const float dmin = load_half(block + 2);
  for (int j = 0; j < 8; ++j) {
    const KScale s = k_scale(j, block + 4);
    const float scale = d * static_cast<float>(s.scale);
    const float minimum = dmin * static_cast<float>(s.minimum);
    for (int l = 0; l < 32; ++l) {
      const int byte = std::to_integer<int>(q[j / 2 * 32 + l]);
      int code = j % 2 == 0 ? byte & 15 : byte >> 4;
      if (high) code |= (std::to_integer<int>(high[l]) >> j & 1) << 4;
      out[j * 32 + l] = scale * static_cast<float>(code) - minimum;
    }
  }
}

}  // namespace

// Sub-blocks 0..3 have their 6 bits in bytes j (scale) and j+4 (minimum); 4..7 have the low four in
// byte j+4 (scale: low nibble, minimum: high) and the top two in the unused top bits of bytes j-4
// and j.
KScale k_scale(int j, const std::byte* packed) {
  const auto byte = [&](int i) { return std::to_integer<int>(packed[i]); };
  if (j < 4) return {byte(j) & 63, byte(j + 4) & 63};
  return {(byte(j + 4) & 15) | (byte(j - 4) >> 6 << 4), (byte(j + 4) >> 4) | (byte(j) >> 6 << 4)};
}

// Each half of 128 values: quarter h (32 values) takes nibble h/2 of low bytes 32*(h%2).. and bit
// pair h of high.
int q6_k_code(const std::byte* block, int v) {
  const int half = v / 128, quarter = v % 128 / 32, l = v % 32;
  const int low = std::to_integer<int>(block[half * 64 + quarter % 2 * 32 + l]);
  const int high = std::to_integer<int>(block[128 + half * 32 + l]);
  return (quarter < 2 ? low & 15 : low >> 4) | (high >> (2 * quarter) & 3) << 4;
}

void q2_k_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  constexpr int kBytes = 84;
  const std::size_t n = out.size() / kSuperblock;
  assert(out.size() % kSuperblock == 0 && blocks.size() == n * kBytes);
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* block = blocks.data() + i * kBytes;
    const float d = load_half(block + 80), dmin = load_half(block + 82);
    for (int v = 0; v < kSuperblock; ++v) {
      const int code =
          std::to_integer<int>(block[16 + v / 128 * 32 + v % 32]) >> (v % 128 / 32 * 2) & 3;
      const int scales = std::to_integer<int>(block[v / 16]);
      out[i * kSuperblock + v] = d * static_cast<float>(scales & 15) * static_cast<float>(code) -
                                 dmin * static_cast<float>(scales >> 4);
    }
  }
}

// Scale j has its low four bits in a nibble of byte j % 8 and its high two in byte 8 + j % 4. The
// high bit of a code is of the whole superblock's, one bit for each 32 values.
void q3_k_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  constexpr int kBytes = 110;
  const std::size_t n = out.size() / kSuperblock;
  assert(out.size() % kSuperblock == 0 && blocks.size() == n * kBytes);
  for (std::size_t i = 0; i < n; ++i) {
    const auto byte = [&](int at) {
      return std::to_integer<int>(blocks[i * kBytes + static_cast<std::size_t>(at)]);
    };
    const float d = load_half(blocks.data() + i * kBytes + 108);
    for (int v = 0; v < kSuperblock; ++v) {
      const int j = v / 16;
      const int scale =
          (byte(96 + j % 8) >> (j / 8 * 4) & 15) | (byte(104 + j % 4) >> (j / 4 * 2) & 3) << 4;
      const int code = (byte(32 + v / 128 * 32 + v % 32) >> (v % 128 / 32 * 2) & 3) |
                       (byte(v % 32) >> (v / 32) & 1) << 2;
      out[i * kSuperblock + v] = d * static_cast<float>(scale - 32) * static_cast<float>(code - 4);
    }
  }
}

void q4_k_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  constexpr int kBytes = 144;
  const std::size_t n = out.size() / kSuperblock;
  assert(out.size() % kSuperblock == 0 && blocks.size() == n * kBytes);
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* block = blocks.data() + i * kBytes;
    unpack_scaled_min(block, nullptr, block + 16, out.data() + i * kSuperblock);
  }
}

void q5_k_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  constexpr int kBytes = 176;
  const std::size_t n = out.size() / kSuperblock;
  assert(out.size() % kSuperblock == 0 && blocks.size() == n * kBytes);
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* block = blocks.data() + i * kBytes;
    unpack_scaled_min(block, block + 16, block + 48, out.data() + i * kSuperblock);
  }
}

void q6_k_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  constexpr int kBytes = 210;
  const std::size_t n = out.size() / kSuperblock;
  assert(out.size() % kSuperblock == 0 && blocks.size() == n * kBytes);
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* block = blocks.data() + i * kBytes;
    const float d = load_half(block + 208);
    for (int v = 0; v < kSuperblock; ++v) {
      const int code = q6_k_code(block, v);
      const int scale = std::to_integer<std::int8_t>(block[192 + v / 16]);
      out[i * kSuperblock + v] = d * static_cast<float>(scale) * static_cast<float>(code - 32);
    }
  }
}

void iq4_xs_to_float(std::span<const std::byte> blocks, std::span<float> out) {
  constexpr int kBytes = 136;
  const std::size_t n = out.size() / kSuperblock;
  assert(out.size() % kSuperblock == 0 && blocks.size() == n * kBytes);
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* block = blocks.data() + i * kBytes;
    const auto byte = [&](int at) { return std::to_integer<int>(block[at]); };
    const float d = load_half(block);
    const int high = byte(2) | byte(3) << 8;
    for (int v = 0; v < kSuperblock; ++v) {
      const int j = v / 32, l = v % 32;
      const int scale = (byte(4 + j / 2) >> (j % 2 * 4) & 15) | (high >> (2 * j) & 3) << 4;
      const int code = byte(8 + j * 16 + l % 16) >> (l / 16 * 4) & 15;
      out[i * kSuperblock + v] =
          d * static_cast<float>(scale - 32) * kIq4[static_cast<std::size_t>(code)];
    }
  }
}

}  // namespace paretune
