#include "search/indicators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "search/pareto.h"
#include "search/rng.h"

namespace paretune {
namespace {

// Inclusion-exclusion over all subsets: the volume of a union of boxes.
double hypervolume_by_inclusion_exclusion(const std::vector<Scores>& points,
                                          const Scores& reference) {
  double sum = 0;
  for (unsigned subset = 1; subset < (1u << points.size()); ++subset) {
    double volume = 1;
    for (std::size_t j = 0; j < reference.size(); ++j) {
      double corner = -1e300;
      for (std::size_t i = 0; i < points.size(); ++i) {
        if (subset >> i & 1) corner = std::max(corner, points[i][j]);
      }
      volume *= std::max(reference[j] - corner, 0.0);
    }
    sum += __builtin_popcount(subset) % 2 ? volume : -volume;
  }
  return sum;
}

// Unit cells of an integer grid under some point.
double hypervolume_by_cells(const std::vector<Scores>& points, const Scores& reference) {
  std::vector<int> cell(reference.size(), 0);
  double n = 0;
  for (;;) {
    n += std::ranges::any_of(points, [&](const Scores& p) {
      return std::ranges::equal(p, cell, [](double a, int b) { return a <= b; });
    });
    std::size_t j = 0;
    while (j < cell.size() && ++cell[j] >= reference[j]) cell[j++] = 0;
    if (j == cell.size()) return n;
  }
}

TEST(Hypervolume, KnownValues) {
  EXPECT_EQ(hypervolume({}, {1, 1}), 0);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Scores>{{2}, {1}, {5}}, {4}), 3);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Scores>{{1, 3}, {2, 2}, {3, 1}}, {4, 4}), 6);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Scores>{{1, 3}, {1, 3}, {2, 3}}, {4, 4}), 3);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Scores>{{4, 0}, {0, 4}, {5, 5}}, {4, 4}),
                   0);  // on the border or outside
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Scores>{{1, 2, 3}, {3, 2, 1}, {2, 1, 3}}, {4, 4, 4}),
                   12);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Scores>{{0, 0, 0, 0}, {-1, 1, 1, 1}}, {2, 2, 2, 2}), 17);
}

TEST(Hypervolume, AgreesWithInclusionExclusionAndWithCells) {
  Rng rng{3};
  for (int round = 0; round < 1000; ++round) {
    const int n_objectives = 1 + rng.below(5), n_levels = 2 + rng.below(5);
    std::vector<Scores> points(std::size_t(rng.below(9)));
    for (Scores& p : points) {
      for (int j = 0; j < n_objectives; ++j) p.push_back(rng.below(n_levels + 2));  // some outside
    }
    const Scores reference(std::size_t(n_objectives), n_levels);
    const double volume = hypervolume(points, reference);
    ASSERT_EQ(volume, hypervolume_by_cells(points, reference));
    ASSERT_NEAR(volume, hypervolume_by_inclusion_exclusion(points, reference), 1e-6);
  }
}

TEST(Hypervolume, RealScoresInAnyOrder) {
  Rng rng{4};
  for (int round = 0; round < 100; ++round) {
    const int n_objectives = 2 + rng.below(3);
    std::vector<Scores> points(10);
    for (Scores& p : points) {
      for (int j = 0; j < n_objectives; ++j) p.push_back(rng.uniform());
    }
    const Scores reference(std::size_t(n_objectives), 1.1);
    const double volume = hypervolume(points, reference);
    // Subsets cancel with alternating signs: 2^10 terms below 1.1^4, each rounded.
    ASSERT_NEAR(volume, hypervolume_by_inclusion_exclusion(points, reference), 1024 * 2 * 1e-15);
    std::ranges::reverse(points);
    ASSERT_NEAR(volume, hypervolume(points, reference), 1e-13);
  }
}

TEST(Hypervolume, ReachesTheVolumeUnderASphere) {
  // DTLZ2's front, sampled densely: 1.1^3 minus an eighth of the unit ball, from below.
  std::vector<Scores> points;
  constexpr int kSteps = 100;
  for (int i = 0; i <= kSteps; ++i) {
    for (int k = 0; k <= kSteps; ++k) {
      const double a = i * M_PI / 2 / kSteps, b = k * M_PI / 2 / kSteps;
      points.push_back({std::cos(a) * std::cos(b), std::cos(a) * std::sin(b), std::sin(a)});
    }
  }
  const double limit = 1.331 - M_PI / 6, volume = hypervolume(points, {1.1, 1.1, 1.1});
  EXPECT_LT(volume, limit);
  EXPECT_GT(volume, limit - 0.03);
}

// Ishibuchi, Masuda, Tanigaki, Nojima 2015, section 4, as in moocore's documentation: set A beats B
// under IGD+.
const std::vector<Scores> kReference{{10, 0}, {6, 1}, {2, 2}, {1, 6}, {0, 10}};
const std::vector<Scores> kA{{4, 2}, {3, 3}, {2, 4}};
const std::vector<Scores> kB{{8, 2}, {4, 4}, {2, 8}};

TEST(IgdPlus, TextbookSets) {
  EXPECT_NEAR(igd_plus(kA, kReference), 1.482842712474619, 1e-14);
  EXPECT_NEAR(igd_plus(kB, kReference), 2.260112615949154, 1e-14);
  EXPECT_EQ(igd_plus(kReference, kReference), 0);
}

TEST(AdditiveEpsilon, IsTheWorstTargetsNearestShift) {
  const std::vector<Scores> a1{{9, 2}, {8, 4}, {7, 5}, {5, 6}, {4, 7}};
  const std::vector<Scores> a2{{8, 4}, {7, 5}, {5, 6}, {4, 7}};
  const std::vector<Scores> a3{{10, 4}, {9, 5}, {8, 6}, {7, 7}, {6, 8}};
  EXPECT_EQ(additive_epsilon(a1, a3),
            0 - 1.0);  // moocore's examples: a1 better than a3 everywhere by one
  EXPECT_EQ(additive_epsilon(a1, a2), 0);
  EXPECT_EQ(additive_epsilon(a2, a1), 2);
  EXPECT_EQ(additive_epsilon(a3, a1), 2);
  EXPECT_EQ(additive_epsilon(kReference, kReference), 0);
}

}  // namespace
}  // namespace paretune
