#include "search/cholesky.h"

#include <gtest/gtest.h>

#include <cmath>

#include "search/rng.h"

namespace paretune {
namespace {

// A A' + I for a random (n, n) A: symmetric and positive definite.
std::vector<double> some_matrix(std::size_t n) {
  Rng rng{n};
  std::vector<double> a(n * n), matrix(n * n);
  for (double& x : a) x = 2 * rng.uniform() - 1;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < n; ++k) matrix[i * n + j] += a[i * n + k] * a[j * n + k];
      matrix[i * n + j] += i == j;
    }
  }
  return matrix;
}

TEST(Cholesky, SolvesWhatItFactored) {
  for (std::size_t n : {1, 2, 3, 17, 64}) {
    const std::vector<double> matrix = some_matrix(n);
    std::vector<double> expected, b(n);
    for (std::size_t i = 0; i < n; ++i) expected.push_back(double(i) - 3);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) b[i] += matrix[i * n + j] * expected[j];
    }
    const Cholesky factor(matrix, n);
    const std::vector<double> x = factor.solve(b);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(x[i], expected[i], 1e-9) << n;

    // solve_lower and inverse_factor are the same map.
    const std::vector<double> inverse = factor.inverse_factor();
    std::vector<double> whitened = b;
    factor.solve_lower(whitened);
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j <= i; ++j) sum += inverse[i * n + j] * b[j];
      EXPECT_NEAR(sum, whitened[i], 1e-9) << n;
      for (std::size_t j = i + 1; j < n; ++j) EXPECT_EQ(inverse[i * n + j], 0);
    }
  }
}

TEST(Cholesky, KnownFactor) {
  const Cholesky factor({4, -1, 2, 5}, 2);  // above the diagonal is not read
  EXPECT_NEAR(factor.log_determinant(), std::log(16.0), 1e-12);
  std::vector<double> x{2, 5};
  factor.solve_lower(x);
  EXPECT_DOUBLE_EQ(x[0], 1);  // L = [[2, 0], [1, 2]]
  EXPECT_DOUBLE_EQ(x[1], 2);
}

TEST(Cholesky, SurvivesASingularMatrix) {
  const Cholesky factor({1, 1, 1, 1}, 2);
  for (double x : factor.solve(std::vector<double>{1, 1})) EXPECT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace paretune
