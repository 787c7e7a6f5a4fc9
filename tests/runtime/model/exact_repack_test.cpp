#include "runtime/model/exact_repack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "runtime/model/tensor_types.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"
#include "tests/runtime/model/type_named.h"

namespace paretune {
namespace {

// Any bytes are a legal block (but for scales that are no numbers), negative scales included.
TEST(ExactRepack, KeepsEveryValueToTheBit) {
  std::mt19937_64 rng(1);
  for (const ExactRepack& repack : kExactRepacks) {
    const TensorType& type = type_named(repack.type);
    const int n = 20, k = type.block_size == 256 ? 768 : 96;
    const std::size_t row_bytes = std::size_t(k / type.block_size) * std::size_t(type.block_bytes);
    std::vector<std::byte> rows(n * row_bytes);
    for (std::byte& b : rows) b = static_cast<std::byte>(rng() >> 56);
    for (std::size_t b = 0; b < rows.size(); b += std::size_t(type.block_bytes)) {
      // f16 numbers: first in a block, or last in Q6_K's; Q4_K has two.
      for (const std::size_t at :
           {std::size_t(0), std::size_t(2), std::size_t(type.block_bytes) - 2}) {
        const auto scale = static_cast<std::uint16_t>((rng() & 0x83ff) | 0x2000);
        std::memcpy(rows.data() + b + at, &scale, 2);
      }
    }
    std::vector<float> expected(std::size_t(n * k));
    type.to_float(rows, expected);

    std::vector<RowCodes> codes(n);
    for (std::size_t r = 0; r < codes.size(); ++r) {
      repack.split(std::span<const std::byte>(rows).subspan(r * row_bytes, row_bytes), codes[r]);
    }
    std::vector<std::byte> packed(repack.format->packed_bytes(n, k));
    repack.format->pack_codes(std::span(codes).first(16), n, k, 0, 16, packed);
    repack.format->pack_codes(std::span(codes).subspan(16), n, k, 16, n, packed);
    std::vector<float> row(static_cast<std::size_t>(k));
    for (int r = 0; r < n; ++r) {
      repack.format->unpack_row(packed, n, k, r, row);
      for (int i = 0; i < k; ++i) {
        EXPECT_EQ(row[std::size_t(i)], expected[std::size_t(r * k + i)]) << repack.type;
      }
    }
  }
}

TEST(ExactRepack, IsFoundForItsTypeAndFormatOnly) {
  EXPECT_NE(find_exact_repack("Q4_0", kInt4G32), nullptr);
  EXPECT_EQ(find_exact_repack("Q4_0", kInt4G128), nullptr);  // regrouped: rounded again
  EXPECT_EQ(find_exact_repack("Q4_1", kInt4G32), nullptr);
  EXPECT_EQ(find_exact_repack("F32", kF32), nullptr);
}

// A file under the format of its grid is the same model as under f32; under another it is not.
TEST(ExactRepack, AModelKeepsItsLogits) {
  struct Case {
    const char* type;
    const WeightFormat& same;
    const WeightFormat& other;
  };
  for (const Case& c : {Case{"q4_0", kInt4G32, kInt4G128}, Case{"q8_0", kInt8G32, kInt8}}) {
    const SyntheticModel tiny("tiny", c.type);
    const auto logits = [&](const WeightFormat& weights) {
      DeployConfig config = exact_config({this_machine(), tiny.open()->shape()});
      config.weights = uniform_policy(kAllKinds, {&weights}, {&weights});
      return last_logits(load_model(tiny.open(), config), config, {5, 6, 7, 8, 9});
    };
    const std::vector<float> expected = logits(kF32);
    EXPECT_LT(largest_error(logits(c.same), expected), 1e-5f) << c.type;
    EXPECT_GT(largest_error(logits(c.other), expected), 1e-4f) << c.type;
  }
}

}  // namespace
}  // namespace paretune
