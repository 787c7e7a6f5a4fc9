#include "runtime/model/tensor_types.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <vector>

#include "tests/runtime/model/type_named.h"

namespace paretune {
namespace {

using Bytes = std::vector<std::byte>;

std::vector<float> decode(std::string_view type, const Bytes& blocks) {
  const TensorType& row = type_named(type);
  std::vector<float> out(blocks.size() / row.block_bytes * row.block_size);
  row.to_float(blocks, out);
  return out;
}

// The half that has this value exactly.
std::uint16_t half_of(double value) {
  if (value == 0) return 0;
  int exponent = 0;
  const double fraction = std::frexp(std::abs(value), &exponent);  // [0.5, 1)
  const int bits = exponent - 1 + 15;
  return static_cast<std::uint16_t>((value < 0 ? 0x8000 : 0) | bits << 10 |
                                    (static_cast<int>(fraction * 2048) & 0x3ff));
}

void put_half(std::byte* at, double value) {
  const std::uint16_t half = half_of(value);
  std::memcpy(at, &half, sizeof(half));
}

int pick(std::mt19937_64& rng, int below) { return static_cast<int>(rng() % below); }

TEST(TensorTypes, HalvesAreExact) {
  const std::vector<std::pair<std::uint16_t, float>> cases{
      {0x0000, 0.0f},
      {0x3c00, 1.0f},
      {0xc000, -2.0f},
      {0x3555, 0.333251953125f},
      {0x7bff, 65504.f},
      {0x0001, 0x1p-24f},
      {0x03ff, 1023 * 0x1p-24f},
      {0x8400, -0x1p-14f},
      {0x7c00, std::numeric_limits<float>::infinity()}};
  for (const auto& [bits, value] : cases) {
    Bytes bytes(2);
    std::memcpy(bytes.data(), &bits, 2);
    EXPECT_EQ(decode("F16", bytes)[0], value) << std::hex << bits;
  }
  EXPECT_TRUE(std::isnan(decode("F16", {std::byte{1}, std::byte{0x7e}})[0]));
  EXPECT_TRUE(std::signbit(decode("F16", {std::byte{0}, std::byte{0x80}})[0]));
}

TEST(TensorTypes, Bf16IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(decode("BF16", {std::byte{0x49}, std::byte{0xc0}})[0], -3.140625f);  // 0xc049
}

TEST(TensorTypes, F32IsCopied) {
  const std::vector<float> values{1.5f, -0.0f, 3e38f};
  Bytes bytes(12);
  std::memcpy(bytes.data(), values.data(), 12);
  EXPECT_EQ(decode("F32", bytes), values);
}

// The blocks below are packed as ggml-quants.c packs them (quantize_row_*_ref), from codes and
// scales chosen at random; the values they stand for follow from the codes by the formula alone.
// All products are exact in f32.

// codes of 32 values into nibbles, and bit 4 of each into high.
void pack_nibbles(const std::vector<int>& codes, std::byte* q, std::uint32_t* high) {
  for (int j = 0; j < 16; ++j) {
    q[j] = static_cast<std::byte>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
    if (high)
      *high |= static_cast<std::uint32_t>(codes[j] >> 4) << j |
               static_cast<std::uint32_t>(codes[j + 16] >> 4) << (j + 16);
  }
}

struct OldQuant {
  const char* name;
  int bits;
  int offset;    // value = d * (code - offset) + m
  bool minimum;  // has m
};

TEST(TensorTypes, OldQuants) {
  std::mt19937_64 rng(1);
  for (const OldQuant& quant : {OldQuant{"Q4_0", 4, 8, false},
                                {"Q4_1", 4, 0, true},
                                {"Q5_0", 5, 16, false},
                                {"Q5_1", 5, 0, true}}) {
    const TensorType& type = type_named(quant.name);
    Bytes blocks;
    std::vector<float> expected;
    for (int block = 0; block < 8; ++block) {
      const double d = (pick(rng, 64) - 32) / 64.0;
      const double m = quant.minimum ? pick(rng, 64) / 16.0 : 0;
      std::vector<int> codes;
      for (int j = 0; j < 32; ++j) {
        codes.push_back(pick(rng, 1 << quant.bits));
        expected.push_back(static_cast<float>(d * (codes.back() - quant.offset) + m));
      }
      Bytes bytes(type.block_bytes);
      put_half(bytes.data(), d);
      if (quant.minimum) put_half(bytes.data() + 2, m);
      std::uint32_t high = 0;
      pack_nibbles(codes, bytes.data() + type.block_bytes - 16, &high);
      if (quant.bits == 5) std::memcpy(bytes.data() + type.block_bytes - 20, &high, 4);
      blocks.insert(blocks.end(), bytes.begin(), bytes.end());
    }
    EXPECT_EQ(decode(quant.name, blocks), expected) << quant.name;
  }
}

TEST(TensorTypes, Q8_0) {
  Bytes block(34);
  put_half(block.data(), 0.25);
  std::vector<float> expected;
  for (int j = 0; j < 32; ++j) {
    const int code = j * 8 - 128;
    block[2 + j] = static_cast<std::byte>(code);
    expected.push_back(0.25f * static_cast<float>(code));
  }
  EXPECT_EQ(decode("Q8_0", block), expected);
}

// Q4_K and Q5_K: value = d * scale[j] * code - dmin * minimum[j] for sub-block j of 32.
void check_scaled_min(const char* name, int bits) {
  std::mt19937_64 rng(2);
  const TensorType& type = type_named(name);
  Bytes blocks;
  std::vector<float> expected;
  for (int block = 0; block < 8; ++block) {
    const double d = (pick(rng, 31) + 1) / 64.0;
    const double dmin = (pick(rng, 31) + 1) / 128.0;
    std::vector<int> codes;
    std::vector<int> scales;
    std::vector<int> minima;
    for (int j = 0; j < 8; ++j) {
      scales.push_back(pick(rng, 64));
      minima.push_back(pick(rng, 64));
    }
    for (int v = 0; v < 256; ++v) {
      codes.push_back(pick(rng, 1 << bits));
      expected.push_back(static_cast<float>(d * scales[v / 32] * codes[v] - dmin * minima[v / 32]));
    }
    Bytes bytes(type.block_bytes);
    put_half(bytes.data(), d);
    put_half(bytes.data() + 2, dmin);
    std::byte* packed = bytes.data() + 4;
    for (int j = 0; j < 8; ++j) {
      if (j < 4) {
        packed[j] = static_cast<std::byte>(scales[j]);
        packed[j + 4] = static_cast<std::byte>(minima[j]);
      } else {
        packed[j + 4] = static_cast<std::byte>((scales[j] & 15) | (minima[j] & 15) << 4);
        packed[j - 4] |= static_cast<std::byte>(scales[j] >> 4 << 6);
        packed[j] |= static_cast<std::byte>(minima[j] >> 4 << 6);
      }
    }
    std::byte* high = bytes.data() + 16;
    std::byte* low = bytes.data() + type.block_bytes - 128;
    for (int n = 0; n < 256; n += 64) {
      for (int l = 0; l < 32; ++l) {
        low[n / 2 + l] =
            static_cast<std::byte>((codes[n + l] & 15) | (codes[n + 32 + l] & 15) << 4);
        if (bits == 5) {
          high[l] |= static_cast<std::byte>(codes[n + l] >> 4 << (n / 32) |
                                            codes[n + 32 + l] >> 4 << (n / 32 + 1));
        }
      }
    }
    blocks.insert(blocks.end(), bytes.begin(), bytes.end());
  }
  EXPECT_EQ(decode(name, blocks), expected) << name;
}

TEST(TensorTypes, Q4_K) { check_scaled_min("Q4_K", 4); }
TEST(TensorTypes, Q5_K) { check_scaled_min("Q5_K", 5); }

TEST(TensorTypes, Q6_K) {
  std::mt19937_64 rng(3);
  Bytes blocks;
  std::vector<float> expected;
  for (int block = 0; block < 8; ++block) {
    const double d = (pick(rng, 31) + 1) / 64.0;
    std::vector<int> codes;
    std::vector<int> scales;
    for (int j = 0; j < 16; ++j) scales.push_back(pick(rng, 256) - 128);
    for (int v = 0; v < 256; ++v) {
      codes.push_back(pick(rng, 64));
      expected.push_back(static_cast<float>(d * scales[v / 16] * (codes[v] - 32)));
    }
    Bytes bytes(210);
    for (int half = 0; half < 2; ++half) {
      const int* c = codes.data() + half * 128;
      std::byte* low = bytes.data() + half * 64;
      std::byte* high = bytes.data() + 128 + half * 32;
      for (int l = 0; l < 32; ++l) {
        low[l] = static_cast<std::byte>((c[l] & 15) | (c[l + 64] & 15) << 4);
        low[l + 32] = static_cast<std::byte>((c[l + 32] & 15) | (c[l + 96] & 15) << 4);
        high[l] = static_cast<std::byte>(c[l] >> 4 | c[l + 32] >> 4 << 2 | c[l + 64] >> 4 << 4 |
                                         c[l + 96] >> 4 << 6);
      }
    }
    for (int j = 0; j < 16; ++j) bytes[192 + j] = static_cast<std::byte>(scales[j]);
    put_half(bytes.data() + 208, d);
    blocks.insert(blocks.end(), bytes.begin(), bytes.end());
  }
  EXPECT_EQ(decode("Q6_K", blocks), expected);
}

TEST(TensorTypes, Q2_K) {
  std::mt19937_64 rng(5);
  Bytes block(84);
  put_half(block.data() + 80, 0.25);
  put_half(block.data() + 82, 0.125);
  std::vector<float> expected;
  for (int j = 0; j < 16; ++j) {
    const int scale = pick(rng, 16), minimum = pick(rng, 16);
    block[j] = static_cast<std::byte>(scale | minimum << 4);
    for (int l = 0; l < 16; ++l) {
      const int code = pick(rng, 4), v = 16 * j + l;
      // Four runs of 32 values share 32 bytes, two bits each.
      block[16 + v / 128 * 32 + v % 32] |= static_cast<std::byte>(code << (v / 32 % 4 * 2));
      expected.push_back(static_cast<float>(0.25 * scale * code - 0.125 * minimum));
    }
  }
  EXPECT_EQ(decode("Q2_K", block), expected);
}

TEST(TensorTypes, Q3_K) {
  std::mt19937_64 rng(6);
  Bytes block(110);
  put_half(block.data() + 108, 0.25);
  std::vector<float> expected;
  for (int j = 0; j < 16; ++j) {
    const int scale = pick(rng, 64);
    block[96 + j % 8] |= static_cast<std::byte>((scale & 15) << (j < 8 ? 0 : 4));
    block[104 + j % 4] |= static_cast<std::byte>(scale >> 4 << (j / 4 * 2));
    for (int l = 0; l < 16; ++l) {
      const int code = pick(rng, 8), v = 16 * j + l;
      block[32 + v / 128 * 32 + v % 32] |= static_cast<std::byte>((code & 3) << (v / 32 % 4 * 2));
      block[v % 32] |= static_cast<std::byte>(code >> 2 << (v / 32));
      expected.push_back(static_cast<float>(0.25 * (scale - 32) * (code - 4)));
    }
  }
  EXPECT_EQ(decode("Q3_K", block), expected);
}

TEST(TensorTypes, Iq4) {
  std::mt19937_64 rng(7);
  Bytes small(18), super(136);
  put_half(small.data(), 0.5);
  put_half(super.data(), 0.5);
  std::vector<float> expected;
  for (int v = 0; v < 32; ++v) {
    const int code = pick(rng, 16);
    small[2 + v % 16] |= static_cast<std::byte>(code << (v / 16 * 4));
    expected.push_back(0.5f * kIq4[code]);
  }
  EXPECT_EQ(decode("IQ4_NL", small), expected);
  expected.clear();
  for (int j = 0; j < 8; ++j) {
    const int scale = pick(rng, 64);
    super[4 + j / 2] |= static_cast<std::byte>((scale & 15) << (j % 2 * 4));
    super[2 + j / 4] |= static_cast<std::byte>(scale >> 4 << (j % 4 * 2));
    for (int l = 0; l < 32; ++l) {
      const int code = pick(rng, 16);
      super[8 + 16 * j + l % 16] |= static_cast<std::byte>(code << (l / 16 * 4));
      expected.push_back(0.5f * static_cast<float>(scale - 32) * kIq4[code]);
    }
  }
  EXPECT_EQ(decode("IQ4_XS", super), expected);
}

// Catalog promises: decoding a block alone, or at an odd address, is decoding it among others.
TEST(TensorTypes, BlocksAreIndependentAndNeedNoAlignment) {
  std::mt19937_64 rng(4);
  for (const TensorType& type : kTensorTypes) {
    constexpr int kBlocks = 5;
    Bytes bytes(kBlocks * type.block_bytes + 1);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(pick(rng, 64));  // no NaN
    std::vector<float> all(kBlocks * type.block_size);
    type.to_float(std::span(bytes).subspan(1), all);
    for (int i = 0; i < kBlocks; ++i) {
      std::vector<float> one(type.block_size);
      type.to_float(std::span(bytes).subspan(1 + i * type.block_bytes, type.block_bytes), one);
      EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + i * type.block_size))
          << type.name;
    }
  }
}

TEST(TensorTypes, Float8IsOfTheFnVariant) {
  const std::vector<std::byte> bytes{std::byte{0},    std::byte{0x38}, std::byte{0xb9},
                                     std::byte{0x7e}, std::byte{0x01}, std::byte{0x07},
                                     std::byte{0x08}, std::byte{0x7f}};
  std::vector<float> values(bytes.size());
  f8_e4m3_to_float(bytes, values);
  const std::vector<float> expected{0, 1, -1.125f, 448, 0x1p-9f, 7 * 0x1p-9f, 0x1p-6f};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), values.begin()));
  EXPECT_TRUE(std::isnan(values.back()));
}

TEST(TensorTypes, FoundByIdAndByDtype) {
  for (const TensorType& type : kTensorTypes) {
    if (type.gguf_id != kNotInGguf) {
      EXPECT_EQ(&tensor_type_of_gguf(type.gguf_id, "here"), &type);
    }
    if (!type.safetensors.empty()) {
      EXPECT_EQ(&tensor_type_of_safetensors(type.safetensors, "here"), &type);
    }
  }
}

TEST(TensorTypes, UnsupportedOnesAreRefusedByName) {
  const std::map<std::uint32_t, std::string> refused{{kNotInGguf, "number 4294967295"},
                                                     {29, "IQ1_M"},
                                                     {21, "IQ3_S"},
                                                     {39, "MXFP4"},
                                                     {4, "number 4"},
                                                     {999, "number 999"}};
  for (const auto& [id, name] : refused) {
    try {
      tensor_type_of_gguf(id, "here");
      FAIL() << id;
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(
          error.what(),
          "here: the tensor type " + name +
              " is not supported (supported: F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, "
              "Q5_K, Q6_K, Q2_K, Q3_K, IQ4_NL, IQ4_XS)");
    }
  }
  try {
    tensor_type_of_safetensors("F8_E5M2", "here");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(
        error.what(),
        "here: the tensor type F8_E5M2 is not supported (supported: F32, F16, BF16, F8_E4M3)");
  }
}

}  // namespace
}  // namespace paretune
