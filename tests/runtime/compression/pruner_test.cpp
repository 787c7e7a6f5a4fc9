#include "runtime/compression/pruner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

int count(std::span<const std::uint8_t> dropped) {
  return std::accumulate(dropped.begin(), dropped.end(), 0);
}

TEST(Pruner, DropsThePercentageThatScoresLeast) {
  const std::vector<float> row{5, -1, 0.5f, -4, 3, 0.1f, 2, -6, 7, -8};
  const std::vector<float> squares{1, 1, 1e6f, 1, 1, 1, 1, 1e-6f, 1, 1};
  const InputStatistics statistics{10, {}, squares};
  std::vector<std::uint8_t> dropped(10);
  mark_dropped(kPruners[0], 30, row, nullptr, dropped);
  EXPECT_EQ(dropped, (std::vector<std::uint8_t>{0, 1, 1, 0, 0, 1, 0, 0, 0, 0}));
  // Wanda keeps the small weight of the loud input and drops the large one of the silent.
  mark_dropped(kPruners[1], 30, row, &statistics, dropped);
  EXPECT_EQ(dropped, (std::vector<std::uint8_t>{0, 1, 0, 0, 0, 1, 0, 1, 0, 0}));
}

TEST(Pruner, TiesGoByPosition) {
  std::vector<std::uint8_t> dropped(8);
  mark_dropped(kPruners[0], 50, std::vector<float>(8, 1.0f), nullptr, dropped);
  EXPECT_EQ(dropped, (std::vector<std::uint8_t>{1, 1, 1, 1, 0, 0, 0, 0}));
  mark_dropped(kPruners[0], 1, std::vector<float>(8, 1.0f), nullptr, dropped);
  EXPECT_EQ(count(dropped), 0);
}

// Whatever rounds them: what was pruned is zero, and no more of it than was asked for.
TEST(Pruner, PrunedWeightsStayZero) {
  std::vector<float> row(128);
  for (std::size_t i = 0; i < row.size(); ++i)
    row[i] = 0.01f * float(int(i * 37 % 101) - 50) + 0.003f;
  std::vector<float> moments(128 * 128), squares(128);
  for (std::size_t i = 0; i < 128; ++i) {
    for (std::size_t j = 0; j < 128; ++j) moments[i * 128 + j] = i == j ? 1.2f : 0.2f;
    squares[i] = 1.2f;
  }
  const InputStatistics statistics{128, moments, squares};
  std::vector<std::uint8_t> dropped(128);
  mark_dropped(kPruners[1], 40, row, &statistics, dropped);
  for (const WeightFormat* format : kWeightFormats) {
    if (!has_grid(*format) || !keeps_zeros(*format)) continue;
    for (const Quantizer& quantizer : kQuantizers) {
      std::vector<RowCodes> codes(1);
      quantizer.make(*format, &statistics)->quantize(row, 128, dropped, codes);
      std::vector<std::byte> packed(format->packed_bytes(1, 128));
      format->pack_codes(codes, 1, 128, 0, 1, packed);
      std::vector<float> out(128);
      format->unpack_row(packed, 1, 128, 0, out);
      for (std::size_t i = 0; i < 128; ++i) {
        if (!dropped[i]) continue;
        EXPECT_EQ(out[i], 0) << format->name << ' ' << quantizer.name;
      }
    }
  }
}

// Through the engine: pruning changes the logits, compensation brings them back towards the truth.
TEST(Pruner, AndCompensationInTheModel) {
  const Target target = demo_target();
  DeployConfig config = exact_config(target);
  const auto logits = [&](const char* policy) {
    config.weights = parse_policy(policy, "test");
    return last_logits(load_model(open_model(kDemo), config), config, golden_prompt());
  };
  const std::vector<float> exact = logits("all=f32");
  const auto distance = [&](const char* policy) { return squared_distance(logits(policy), exact); };
  const double pruned = distance("linear=f32:magnitude40,output=f32");
  EXPECT_GT(pruned, 0);
  EXPECT_LT(distance("linear=f32:magnitude40:rank64,output=f32"), 0.7 * pruned);
  EXPECT_LT(distance("linear=f32:rank4,output=f32:rank4"), 1e-3 * pruned);  // of no error at all
}

}  // namespace
}  // namespace paretune
