#include "runtime/engine/weight_packer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/compression/policy.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

std::vector<float> row_of(const PackedWeights& weights, int row) {
  const PackedMatrix& m = weights.matrix;
  std::vector<float> out(static_cast<std::size_t>(m.k));
  m.format->unpack_row(m.data, m.n, m.k, row, out);
  return out;
}

// Codes and the side's product together.
std::vector<float> compensated_row(const PackedWeights& weights, int row) {
  std::vector<float> sum = row_of(weights, row);
  const std::vector<float> a = row_of(weights.low_rank[1], row);
  for (int i = 0; i < weights.low_rank[0].matrix.n; ++i) {
    const std::vector<float> b = row_of(weights.low_rank[0], i);
    for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += a[static_cast<std::size_t>(i)] * b[j];
  }
  return sum;
}

TEST(WeightPacker, OutlierColumnsStayBf16AndOthersAreRoundedWithoutThem) {
  const auto source = open_model(kDemo);
  ThreadPool pool(2);
  WeightPacker packer(*source, pool, nullptr, nullptr);
  for (const char* text :
       {"int2_g32:outliers5", "int3_g64:hqq:outliers5:rank4", "iq4_nl:outliers5"}) {
    const Treatment treatment = parse_treatment(text, "test");
    const PackedWeights packed = packer.stacked({{Weight::ffn_down, 1}}, treatment);
    const auto [n, k] = source->weight_shape(Weight::ffn_down);
    ASSERT_EQ(packed.low_rank.size(), 2u);
    ASSERT_EQ(packed.low_rank[0].matrix.n, treatment.side_columns());
    std::vector<std::size_t> columns;  // that the first rows of Bᵀ pick
    for (int i = 0; i < 5; ++i) {
      const std::vector<float> pick = row_of(packed.low_rank[0], i);
      ASSERT_EQ(std::ranges::count(pick, 0.0f), k - 1);
      columns.push_back(static_cast<std::size_t>(std::ranges::find(pick, 1.0f) - pick.begin()));
    }
    std::vector<float> row(static_cast<std::size_t>(k)), largest(row.size());
    for (int i = 0; i < n; ++i) {
      source->read_rows(Weight::ffn_down, 1, i, i + 1, row);
      const std::vector<float> found = compensated_row(packed, i);
      for (const std::size_t j : columns)
        EXPECT_NEAR(found[j], row[j], 0.01f * std::fabs(row[j]) + 1e-6f) << text;
      for (std::size_t j = 0; j < row.size(); ++j)
        largest[j] = std::max(largest[j], std::fabs(row[j]));
    }
    // Without statistics, those of the largest weights.
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (std::ranges::find(columns, j) == columns.end()) {
        EXPECT_LE(largest[j], largest[columns.back()]) << text;
      }
    }
  }
}

// A cache that is asked for the demo model's small matrices too.
class SmallMatrices final : public PackStore {
 public:
  explicit SmallMatrices(PackCache& packs) : packs_(packs) {}
  std::size_t least_bytes(bool) const override { return 0; }
  std::optional<Found> find(const std::string& key, std::size_t bytes) override {
    return packs_.find(key, bytes);
  }
  std::optional<Found> keep(const std::string& key, std::span<const std::byte> bytes) override {
    return packs_.keep(key, bytes);
  }
  std::string model_hash(const ModelSource& source) override { return packs_.model_hash(source); }

 private:
  PackCache& packs_;
};

TEST(WeightPacker, WhatIsKeptIsMappedAndWhatIsNotIsInMemory) {
  const TemporaryFolder folder;
  PackCache large(folder.path() / "large", 1 << 30), none(folder.path() / "none", 0);
  const auto source = open_model(kDemo);
  ThreadPool pool(2);
  const auto packed = [&](PackCache& packs) {
    SmallMatrices store(packs);
    return WeightPacker(*source, pool, &store, nullptr)
        .stacked({{Weight::ffn_down, 1}}, parse_treatment("int4_g64", "test"));
  };
  const PackedWeights own = packed(none), made = packed(large), found = packed(large);
  EXPECT_EQ(own.memory.size(), own.matrix.data.size());
  EXPECT_EQ(own.file, nullptr);
  for (const PackedWeights* weights : {&made, &found}) {
    EXPECT_EQ(weights->memory.size(), 0u);
    ASSERT_NE(weights->file, nullptr);
    EXPECT_TRUE(std::ranges::equal(weights->matrix.data, own.matrix.data));
  }
  EXPECT_EQ(large.found(), 1);
}

}  // namespace
}  // namespace paretune
