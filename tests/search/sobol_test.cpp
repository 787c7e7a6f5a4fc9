#include "search/sobol.h"

#include <gtest/gtest.h>

#include <set>

namespace paretune {
namespace {

TEST(Sobol, FirstPointsByHand) {
  // Dimension 1 of the table: polynomial x + 1, direction numbers 1, 3, 5, 15.
  const std::uint32_t half = 1u << 31, quarter = 1u << 30, eighth = 1u << 29;
  EXPECT_EQ(sobol(0, 0), 0u);
  EXPECT_EQ(sobol(1, 0), half);
  EXPECT_EQ(sobol(2, 0), quarter);
  EXPECT_EQ(sobol(3, 0), half + quarter);
  EXPECT_EQ(sobol(1, 1), half);
  EXPECT_EQ(sobol(2, 1), half + quarter);
  EXPECT_EQ(sobol(3, 1), quarter);
  EXPECT_EQ(sobol(4, 1), half + eighth);
}

TEST(Sobol, FirstPowersOfTwoFillEveryDimensionEvenly) {
  for (std::size_t dimension = 0; dimension < kSobolDimensions; ++dimension) {
    for (int k = 1; k <= 12; ++k) {
      std::set<std::uint32_t> intervals;
      for (std::uint32_t i = 0; i < (1u << k); ++i)
        intervals.insert(sobol(i, dimension) >> (32 - k));
      ASSERT_EQ(intervals.size(), 1u << k) << "dimension " << dimension;
    }
  }
}

TEST(Sobol, DimensionsDiffer) {
  std::set<std::vector<std::uint32_t>> seen;
  for (std::size_t dimension = 0; dimension < kSobolDimensions; ++dimension) {
    std::vector<std::uint32_t> start;
    for (std::uint32_t i = 1; i < 512; i *= 2) start.push_back(sobol(i, dimension));
    EXPECT_TRUE(seen.insert(start).second) << "dimension " << dimension;
  }
}

// Computed with boost::random::sobol 1.74, which reads the same table of Joe and Kuo.
TEST(Sobol, AgreesWithAnotherImplementation) {
  EXPECT_EQ(sobol(540, 5), 3896508416u);
  EXPECT_EQ(sobol(540, 17), 1480589312u);
  EXPECT_EQ(sobol(540, 36), 3644850176u);
  EXPECT_EQ(sobol(540, 52), 3233808384u);
}

TEST(SobolPoint, SpreadsChoicesEvenlyAndBySeed) {
  const Space space{.n_choices = std::vector<int>(60, 4)};  // past the table, too
  std::vector<std::vector<int>> counts(60, std::vector<int>(4, 0));
  for (std::uint32_t i = 0; i < 64; ++i) {
    const Point point = sobol_point(space, i, 7);
    ASSERT_TRUE(contains(space, point));
    for (std::size_t d = 0; d < 60; ++d) ++counts[d][std::size_t(point[d])];
  }
  for (std::size_t d = 0; d < kSobolDimensions; ++d) EXPECT_EQ(counts[d], std::vector<int>(4, 16));
  EXPECT_NE(sobol_point(space, 0, 7), sobol_point(space, 0, 8));
}

}  // namespace
}  // namespace paretune
