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
struct Inputs {
  Inputs() : moments(kK * kK), squares(kK) {
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
double loss(const std::vector<float>& error, const LowRank& low, const Inputs& inputs) {
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
  const Inputs inputs;
  const InputStatistics all = inputs.all();
  for (const InputStatistics* statistics : {static_cast<const InputStatistics*>(nullptr), &all}) {
    const LowRank low = compensate(error, kN, kK, 3, statistics);
    EXPECT_LT(loss(error, low, inputs), 1e-6 * loss(error, {}, inputs));
  }
}

// Knowing the inputs is worth more than not, and the whole moments more than their diagonal.
TEST(LowRank, StatisticsPay) {
  const std::vector<float> error = normals(kN * kK, 5);
  const Inputs inputs;
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
