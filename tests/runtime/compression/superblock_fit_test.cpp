#include "runtime/compression/superblock_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace paretune {
namespace {

constexpr int kRows = 16, kColumns = 384;  // one and a half superblocks

struct Problem {
  Problem() : weights(kRows * kColumns), moments(kColumns * kColumns), squares(kColumns) {
    std::mt19937_64 rng(3);
    std::normal_distribution<float> normal(0.005f, 0.02f);
    for (float& w : weights) w = normal(rng);
    for (std::size_t i = 0; i < weights.size(); i += 97) weights[i] *= 5;
    // Inputs of which a common part makes most.
    for (std::size_t i = 0; i < kColumns; ++i) {
      for (std::size_t j = 0; j < kColumns; ++j) {
        const auto size = [](std::size_t at) { return at % 16 == 0 ? 6.0f : 1.0f; };
        moments[i * kColumns + j] = size(i) * size(j) * (4.0f + (i == j ? 1.0f : 0.0f));
      }
      squares[i] = moments[i * kColumns + i];
    }
  }

  std::vector<float> rounded(std::string_view method, const WeightFormat& format) const {
    const InputStatistics statistics{
        .k = kColumns, .second_moments = moments, .mean_squares = squares};
    std::vector<RowCodes> codes(kRows);
    const auto row = std::ranges::find(kQuantizers, method, &Quantizer::name);
    row->make(format, &statistics)->quantize(weights, kColumns, codes);
    std::vector<std::byte> packed(format.packed_bytes(kRows, kColumns));
    format.pack_codes(codes, kRows, kColumns, 0, kRows, packed);
    std::vector<float> out(weights.size());
    for (int i = 0; i < kRows; ++i)
      format.unpack_row(packed, kRows, kColumns, i,
                        std::span(out).subspan(std::size_t(i) * kColumns, kColumns));
    return out;
  }

  // Mean of ((w - rounded w) · x)², or with the diagonal alone.
  double error(const std::vector<float>& rounded, bool diagonal) const {
    double sum = 0;
    for (std::size_t r = 0; r < kRows; ++r) {
      std::vector<double> e(kColumns);
      for (std::size_t i = 0; i < kColumns; ++i)
        e[i] = weights[r * kColumns + i] - rounded[r * kColumns + i];
      for (std::size_t i = 0; i < kColumns; ++i) {
        for (std::size_t j = 0; j < kColumns; ++j) {
          if (diagonal && i != j) continue;
          sum += e[i] * moments[i * kColumns + j] * e[j];
        }
      }
    }
    return sum;
  }

  std::vector<float> weights, moments, squares;
};

TEST(SuperblockFit, EachMethodLosesLessOfWhatItKnows) {
  const Problem problem;
  for (const WeightFormat* format : {&kQ4K, &kQ6K}) {
    SCOPED_TRACE(format->name);
    const auto nearest = problem.rounded("nearest", *format);
    const auto clip = problem.rounded("clip_weighted", *format);
    const auto gptq = problem.rounded("gptq", *format);
    EXPECT_LT(problem.error(clip, true), 0.95 * problem.error(nearest, true));
    EXPECT_LT(problem.error(gptq, false), 0.6 * problem.error(clip, false));
  }
}

// What the search calls a weight's value is what kernels read.
TEST(SuperblockFit, GridsAreThoseOfTheCodes) {
  const Problem problem;
  for (const WeightFormat* format : {&kQ4K, &kQ6K}) {
    SCOPED_TRACE(format->name);
    const std::span<const float> row = std::span(problem.weights).first(kColumns);
    RowCodes codes;
    format->encode(row, codes);
    std::vector<GroupGrid> grids(kColumns / std::size_t(format->group));
    fit_superblocks(row, {}, *format, codes, grids);
    for (std::size_t i = 0; i < kColumns; ++i)
      codes.codes[i] = std::uint8_t(grids[i / std::size_t(format->group)].code(row[i]));
    std::vector<std::byte> packed(format->packed_bytes(1, kColumns));
    format->pack_codes(std::span(&codes, 1), 1, kColumns, 0, 1, packed);
    std::vector<float> values(kColumns);
    format->unpack_row(packed, 1, kColumns, 0, values);
    for (std::size_t i = 0; i < kColumns; ++i)
      EXPECT_NEAR(values[i], grids[i / std::size_t(format->group)].value(codes.codes[i]), 1e-6f);
  }
}

TEST(SuperblockFit, ZerosAndASingleGroupAreFine) {
  for (const WeightFormat* format : {&kQ4K, &kQ6K}) {
    const std::vector<float> zeros(20, 0.0f);
    RowCodes codes;
    format->encode(zeros, codes);
    std::vector<GroupGrid> grids(codes.sub_scales.size());
    fit_superblocks(zeros, {}, *format, codes, grids);
    for (const GroupGrid& grid : grids) EXPECT_EQ(grid.value(grid.code(0)), 0);
  }
}

}  // namespace
}  // namespace paretune
