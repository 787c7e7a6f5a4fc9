#include "profiles/cost_model/least_squares.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace paretune {
namespace {

std::vector<double> random_row(std::mt19937_64& rng, std::size_t n) {
  std::vector<double> x(n);
  for (double& one : x) one = double(rng() >> 11) * 0x1p-53;
  return x;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

TEST(NormalEquationsTest, RecoversPlantedAmounts) {
  const std::vector<double> planted{2, 0, 0.5, 0, 7, 1e-3};
  std::mt19937_64 rng(1);
  NormalEquations equations(planted.size());
  for (int i = 0; i < 100; ++i) {
    const auto x = random_row(rng, planted.size());
    equations.add(x, dot(x, planted));
  }
  const std::vector<double> found = equations.non_negative();
  for (std::size_t i = 0; i < planted.size(); ++i) EXPECT_NEAR(found[i], planted[i], 1e-8);
}

// Where the unconstrained answer is negative, the gradient of every unknown at 0 points outwards
// and that of the others vanishes (Karush, Kuhn and Tucker).
TEST(NormalEquationsTest, NonNegativeAnswersAreOptimal) {
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    std::mt19937_64 rng(seed);
    constexpr std::size_t kUnknowns = 8;
    std::vector<std::vector<double>> rows;
    std::vector<double> y;
    NormalEquations equations(kUnknowns);
    for (int i = 0; i < 20; ++i) {
      rows.push_back(random_row(rng, kUnknowns));
      for (double& one : rows.back()) one -= 0.3;
      y.push_back(double(rng() >> 11) * 0x1p-53);
      equations.add(rows.back(), y.back());
    }
    const std::vector<double> b = equations.non_negative();
    for (std::size_t j = 0; j < kUnknowns; ++j) {
      double gradient = 0;
      for (std::size_t i = 0; i < rows.size(); ++i)
        gradient += rows[i][j] * (y[i] - dot(rows[i], b));
      EXPECT_GE(b[j], 0);
      if (b[j] > 0) {
        EXPECT_NEAR(gradient, 0, 1e-7);
      } else {
        EXPECT_LE(gradient, 1e-7);
      }
    }
  }
}

TEST(NormalEquationsTest, TermsThatAlwaysComeTogetherDoNoHarm) {
  NormalEquations equations(3);
  for (const double x : {1.0, 2.0, 3.0}) equations.add(std::vector{x, 2 * x, 0.0}, 10 * x);
  const std::vector<double> b = equations.non_negative();
  EXPECT_NEAR(b[0] + 2 * b[1], 10, 1e-9);
  EXPECT_EQ(b[2], 0);  // never seen
}

TEST(NormalEquationsTest, RidgeShrinksTowardsNothing) {
  NormalEquations equations(1);
  for (int i = 0; i < 4; ++i) equations.add(std::vector{1.0}, 3);
  EXPECT_NEAR(equations.ridge(1)[0], 3 * 4 / 5.0, 1e-12);
  EXPECT_NEAR(equations.ridge(1e-6)[0], 3, 1e-9);
}

TEST(NormalEquationsTest, WhatWasAddedCanBeTakenAway) {
  NormalEquations all(2), some(2), rest(2);
  std::mt19937_64 rng(3);
  for (int i = 0; i < 40; ++i) {
    const auto x = random_row(rng, 2);
    const double y = x[0] + 4 * x[1] + (i < 10 ? 5 : 0);
    (i < 10 ? some : rest).add(x, y);
    all.add(x, y);
  }
  const auto left = (all -= some).non_negative(), expected = rest.non_negative();
  for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(left[i], expected[i], 1e-9);
}

}  // namespace
}  // namespace paretune
