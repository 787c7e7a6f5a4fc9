#include "runtime/compression/low_rank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace paretune {
namespace {

constexpr int kN = 24, kK = 40;

std::vector<float> normals(std::size_t count, unsigned seed) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& v : values) v = normal(rng);
  return values;
}

// Correlated inputs: few directions carry most of what there is.
struct LowRankInputs {
  LowRankInputs() : moments(kK * kK), squares(kK) {
    const std::vector<float> mix = normals(6 * kK, 1);
    for (int i = 0; i < kK; ++i) {
      for (int j = 0; j < kK; ++j) {
        double sum = i == j ? 0.05 : 0;
        for (int d = 0; d < 6; ++d)
          sum += mix[std::size_t(d * kK + i)] * mix[std::size_t(d * kK + j)];
        moments[std::size_t(i * kK + j)] = float(sum);
      }
      squares[std::size_t(i)] = moments[std::size_t(i * kK + i)];
    }
  }
  InputStatistics all() const { return {kK, moments, squares}; }
  InputStatistics diagonal() const { return {kK, {}, squares}; }
  std::vector<float> moments, squares;
};

// E‖(E - A Bᵀ) x‖²
double loss(const std::vector<float>& error, const LowRank& low, const LowRankInputs& inputs) {
  double sum = 0;
  for (int i = 0; i < kN; ++i) {
    std::vector<double> rest(kK);
    for (int j = 0; j < kK; ++j) {
      rest[std::size_t(j)] = error[std::size_t(i * kK + j)];
      for (int r = 0; r < low.rank; ++r)
        rest[std::size_t(j)] -=
            double(low.out[std::size_t(i * low.rank + r)]) * low.in[std::size_t(r * kK + j)];
    }
    for (int j = 0; j < kK; ++j) {
      for (int l = 0; l < kK; ++l)
        sum +=
            rest[std::size_t(j)] * inputs.moments[std::size_t(j * kK + l)] * rest[std::size_t(l)];
    }
  }
  return sum;
}

TEST(LowRank, AnErrorOfThatRankIsMadeGoodWhole) {
  const std::vector<float> a = normals(kN * 3, 2), b = normals(3 * kK, 3);
  std::vector<float> error(kN * kK, 0.0f);
  for (int i = 0; i < kN; ++i) {
    for (int j = 0; j < kK; ++j) {
      for (int r = 0; r < 3; ++r)
        error[std::size_t(i * kK + j)] += a[std::size_t(i * 3 + r)] * b[std::size_t(r * kK + j)];
    }
  }
  const LowRankInputs inputs;
  const InputStatistics all = inputs.all();
  for (const InputStatistics* statistics : {static_cast<const InputStatistics*>(nullptr), &all}) {
    const LowRank low = compensate(error, kN, kK, 3, statistics);
    EXPECT_LT(loss(error, low, inputs), 1e-6 * loss(error, {}, inputs));
  }
}

// Knowing the inputs is worth more than not, and the whole moments more than their diagonal.
TEST(LowRank, StatisticsPay) {
  const std::vector<float> error = normals(kN * kK, 5);
  const LowRankInputs inputs;
  const InputStatistics all = inputs.all(), diagonal = inputs.diagonal();
  const double none = loss(error, {}, inputs);
  const double plain = loss(error, compensate(error, kN, kK, 4, nullptr), inputs);
  const double lqer = loss(error, compensate(error, kN, kK, 4, &diagonal), inputs);
  const double qera = loss(error, compensate(error, kN, kK, 4, &all), inputs);
  EXPECT_LT(plain, none);
  EXPECT_LT(lqer, 1.02 * plain);
  EXPECT_LT(qera, 0.8 * lqer);
  // More rank, less loss; all of it, none.
  const double more = loss(error, compensate(error, kN, kK, 8, &all), inputs);
  EXPECT_LT(more, qera);
  EXPECT_LT(loss(error, compensate(error, kN, kK, 100, &all), inputs), 1e-5 * none);
}

// X of M X = B by elimination; M (n, n) positive definite, B (n, columns).
std::vector<double> solve(std::vector<double> m, std::vector<double> b, int n, int columns) {
  for (int i = 0; i < n; ++i) {
    for (int row = 0; row < n; ++row) {
      if (row == i) continue;
      const double f = m[std::size_t(row * n + i)] / m[std::size_t(i * n + i)];
      for (int j = 0; j < n; ++j) m[std::size_t(row * n + j)] -= f * m[std::size_t(i * n + j)];
      for (int j = 0; j < columns; ++j)
        b[std::size_t(row * columns + j)] -= f * b[std::size_t(i * columns + j)];
    }
  }
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < columns; ++j) b[std::size_t(i * columns + j)] /= m[std::size_t(i * n + i)];
  }
  return b;
}

// (rows, columns) of a (rows, inner) and b (inner, columns), either given transposed.
std::vector<double> product(const std::vector<double>& a, bool a_turned,
                            const std::vector<double>& b, bool b_turned, int rows, int inner,
                            int columns) {
  std::vector<double> c(std::size_t(rows * columns), 0.0);
  for (int i = 0; i < rows; ++i) {
    for (int l = 0; l < inner; ++l) {
      const double x = a[std::size_t(a_turned ? l * rows + i : i * inner + l)];
      for (int j = 0; j < columns; ++j)
        c[std::size_t(i * columns + j)] +=
            x * b[std::size_t(b_turned ? j * inner + l : l * columns + j)];
    }
  }
  return c;
}

// A by ridge regression given B, B given A, in turns.
LowRank alternate(const std::vector<float>& error, const LowRankInputs& inputs, int rank,
                  int sweeps) {
  constexpr double kRidge = 1e-6;
  const std::vector<double> e(error.begin(), error.end());
  const std::vector<double> h(inputs.moments.begin(), inputs.moments.end());
  const std::vector<float> start = normals(std::size_t(rank * kK), 9);
  std::vector<double> in(start.begin(), start.end()), out;  // Bᵀ (rank, k), Aᵀ (rank, n)
  const auto ridge = [&](std::vector<double> m) {
    for (int i = 0; i < rank; ++i) m[std::size_t(i * rank + i)] += kRidge;
    return m;
  };
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    const auto bh = product(in, false, h, false, rank, kK, kK);
    out = solve(ridge(product(bh, false, in, true, rank, kK, rank)),
                product(bh, false, e, true, rank, kK, kN), rank, kN);
    in = solve(ridge(product(out, false, out, true, rank, kN, rank)),
               product(out, false, e, false, rank, kN, kK), rank, kK);
  }
  LowRank low{.rank = rank, .in = {in.begin(), in.end()}};
  low.out.resize(std::size_t(kN * rank));
  for (int i = 0; i < kN; ++i) {
    for (int r = 0; r < rank; ++r)
      low.out[std::size_t(i * rank + r)] = float(out[std::size_t(r * kN + i)]);
  }
  return low;
}

TEST(LowRank, IsWhatAlternatingRidgeRegressionArrivesAt) {
  const std::vector<float> error = normals(kN * kK, 5);
  const LowRankInputs inputs;
  const InputStatistics all = inputs.all();
  const double closed = loss(error, compensate(error, kN, kK, 4, &all), inputs);
  EXPECT_GT(loss(error, alternate(error, inputs, 4, 1), inputs), 1.01 * closed);
  const double alternated = loss(error, alternate(error, inputs, 4, 300), inputs);
  EXPECT_NEAR(alternated, closed, 0.01 * closed);
}

TEST(LowRank, TheSameTwice) {
  const std::vector<float> error = normals(kN * kK, 6);
  const LowRank a = compensate(error, kN, kK, 5, nullptr),
                b = compensate(error, kN, kK, 5, nullptr);
  EXPECT_EQ(a.in, b.in);
  EXPECT_EQ(a.out, b.out);
}

TEST(LowRank, NoErrorNeedsNone) {
  const LowRank low = compensate(std::vector<float>(kN * kK, 0.0f), kN, kK, 4, nullptr);
  for (const float v : low.out) EXPECT_EQ(v, 0);
  for (const float v : low.in) EXPECT_TRUE(std::isfinite(v));
}

}  // namespace
}  // namespace paretune
