#include "search/pareto.h"

#include <gtest/gtest.h>

#include <limits>

#include "search/rng.h"

namespace paretune {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Few levels, so that ties and duplicates abound.
std::vector<Scores> random_scores(Rng& rng, int n, int n_objectives, int n_levels) {
  std::vector<Scores> scores(static_cast<std::size_t>(n));
  for (Scores& s : scores) {
    for (int j = 0; j < n_objectives; ++j) s.push_back(rng.below(n_levels));
  }
  return scores;
}

bool dominated_within(const std::vector<Scores>& scores, std::size_t i) {
  for (const Scores& other : scores) {
    if (dominates(other, scores[i])) return true;
  }
  return false;
}

TEST(Dominates, NeedsOneBetterAndNoneWorse) {
  EXPECT_TRUE(dominates({1, 2}, {1, 3}));
  EXPECT_FALSE(dominates({1, 2}, {1, 2}));
  EXPECT_FALSE(dominates({1, 3}, {2, 2}));
  EXPECT_FALSE(dominates({2, 2}, {1, 2}));
}

TEST(ParetoFront, AgreesWithTheDefinitionOnTiesAndDuplicates) {
  Rng rng{1};
  for (int round = 0; round < 500; ++round) {
    const auto scores = random_scores(rng, rng.below(30), 1 + rng.below(4), 2 + rng.below(6));
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (!dominated_within(scores, i)) expected.push_back(i);
    }
    EXPECT_EQ(pareto_front(scores), expected);
  }
}

TEST(ParetoFront, KeepsEqualScores) {
  const std::vector<Scores> scores{{1, 1}, {2, 0}, {1, 1}, {2, 1}};
  EXPECT_EQ(pareto_front(scores), (std::vector<std::size_t>{0, 1, 2}));
}

TEST(NonDominatedRanks, PeelsFronts) {
  Rng rng{2};
  for (int round = 0; round < 200; ++round) {
    const auto scores = random_scores(rng, rng.below(25), 1 + rng.below(3), 5);
    const std::vector<int> ranks = non_dominated_ranks(scores);
    for (int rank = 0;; ++rank) {
      std::vector<Scores> rest;
      std::vector<std::size_t> index;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (ranks[i] < rank) continue;
        rest.push_back(scores[i]);
        index.push_back(i);
      }
      if (rest.empty()) break;
      std::vector<std::size_t> front;
      for (std::size_t i = 0; i < rest.size(); ++i) {
        if (ranks[index[i]] == rank) front.push_back(i);
      }
      EXPECT_EQ(pareto_front(rest), front);
    }
  }
}

TEST(CrowdingDistances, AreGapsBetweenNeighbours) {
  // In the first objective the gaps around the middle points are 0.5 and 0.9 of the range 10, in
  // the second likewise.
  const std::vector<Scores> front{{0, 10}, {1, 9}, {5, 5}, {10, 0}};
  const std::vector<double> distances = crowding_distances(front);
  EXPECT_EQ(distances[0], kInfinity);
  EXPECT_EQ(distances[3], kInfinity);
  EXPECT_DOUBLE_EQ(distances[1], 0.5 + 0.5);
  EXPECT_DOUBLE_EQ(distances[2], 0.9 + 0.9);
  EXPECT_TRUE(crowding_distances({}).empty());
}

TEST(KneePoint, IsNearestToTheIdealAfterScaling) {
  // The second objective's unit is a thousand times smaller; (2, 2000) is 0.2 from both bests.
  const std::vector<Scores> front{{0, 10000}, {2, 2000}, {6, 1000}, {10, 0}};
  EXPECT_EQ(knee_point(front), 1u);
  EXPECT_EQ(knee_point(std::vector<Scores>{{3, 4}}), 0u);
  EXPECT_EQ(knee_point(std::vector<Scores>{{3, 4}, {3, 4}}), 0u);
}

}  // namespace
}  // namespace paretune
