#include "search/improvement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "search/indicators.h"
#include "search/rng.h"

namespace paretune {
namespace {

double normal(Rng& rng) {  // Box and Muller
  const double radius = std::sqrt(-2 * std::log1p(-rng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

std::vector<Scores> random_front(Rng& rng, int n, int n_objectives) {
  std::vector<Scores> front(static_cast<std::size_t>(n));
  for (Scores& p : front) {
    for (int j = 0; j < n_objectives; ++j)
      p.push_back(rng.below(8) / 8.0);  // ties, dominated points and duplicates
  }
  return front;
}

double gain(std::vector<Scores> front, const Scores& score, const Scores& reference) {
  const double before = hypervolume(front, reference);
  front.push_back(score);
  return hypervolume(front, reference) - before;
}

// Without uncertainty it is the improvement itself.
TEST(Improvement, OfACertainScoreIsTheHypervolumeItAdds) {
  Rng rng{1};
  for (int round = 0; round < 1000; ++round) {
    const int n_objectives = 1 + rng.below(4);
    const std::vector<Scores> front = random_front(rng, rng.below(8), n_objectives);
    const Scores reference(std::size_t(n_objectives), 0.9);
    Scores score;
    std::vector<Moments> moments;
    for (int j = 0; j < n_objectives; ++j) {
      score.push_back(rng.below(10) / 9.0);
      moments.push_back({score.back(), 0});
    }
    ASSERT_NEAR(Improvement(front, reference).expected(moments), gain(front, score, reference),
                1e-13);
  }
}

TEST(Improvement, AgreesWithMonteCarlo) {
  Rng rng{2};
  for (int round = 0; round < 6; ++round) {
    const int n_objectives = 2 + round % 3;
    const std::vector<Scores> front = random_front(rng, 6, n_objectives);
    const Scores reference(std::size_t(n_objectives), 0.9);
    std::vector<Moments> moments;
    for (int j = 0; j < n_objectives; ++j) moments.push_back({rng.uniform(), 0.05 * rng.uniform()});
    constexpr int kSamples = 40000;
    double sum = 0, squares = 0;
    for (int sample = 0; sample < kSamples; ++sample) {
      Scores score;
      for (const Moments& m : moments)
        score.push_back(m.mean + std::sqrt(m.variance) * normal(rng));
      const double improvement = gain(front, score, reference);
      sum += improvement;
      squares += improvement * improvement;
    }
    const double mean = sum / kSamples,
                 error = std::sqrt((squares / kSamples - mean * mean) / kSamples);
    EXPECT_NEAR(Improvement(front, reference).expected(moments), mean, 5 * error + 1e-12);
  }
}

TEST(Improvement, OfOneObjectiveIsTheClassicOne) {
  // The best so far is 1, the prediction 1 +- 2: sigma times the normal density at 0.
  const Improvement improvement(std::vector<Scores>{{1}, {3}}, {10});
  EXPECT_NEAR(improvement.expected(std::vector<Moments>{{1, 4}}),
              2 / std::sqrt(2 * std::numbers::pi), 1e-14);
}

}  // namespace
}  // namespace paretune
