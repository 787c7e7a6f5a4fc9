#include "workloads/length.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "workloads/random.h"

namespace paretune {
namespace {

// One spec of each row.
std::vector<LengthSpec> one_of_each() {
  std::vector<LengthSpec> specs{
      {.law = &kFixedLength, .value = 100},
      {.law = &kUniformLength, .min = 10, .max = 20},
      {.law = &kGaussianLength, .value = 200, .std_dev = 30},
      {.law = &kLognormalLength, .value = 200, .std_dev = 100},
      {.law = &kEmpiricalLength, .values = {8, 64, 16}, .weights = {1, 0, 3}},
  };
  EXPECT_EQ(specs.size(), kLengths.size());
  return specs;
}

std::vector<int> draws(const LengthSpec& spec, int n) {
  RandomEngine rng(7);
  std::vector<int> result;
  for (int i = 0; i < n; ++i) result.push_back(length_at(spec, uniform01(rng)));
  return result;
}

double mean(const std::vector<int>& xs) {
  double sum = 0;
  for (const int x : xs) sum += x;
  return sum / double(xs.size());
}

double std_dev(const std::vector<int>& xs) {
  const double m = mean(xs);
  double sum = 0;
  for (const int x : xs) sum += (x - m) * (x - m);
  return std::sqrt(sum / double(xs.size()));
}

TEST(Lengths, EveryLawStaysBetweenItsShortestAndLongest) {
  for (const LengthSpec& spec : one_of_each()) {
    const std::vector<int> xs = draws(spec, 10'000);
    EXPECT_GE(*std::min_element(xs.begin(), xs.end()), shortest(spec)) << spec.law->name;
    EXPECT_LE(*std::max_element(xs.begin(), xs.end()), longest(spec)) << spec.law->name;
    EXPECT_GE(shortest(spec), 1);
  }
}

TEST(Lengths, EveryLawKeepsToMinAndMax) {
  for (LengthSpec spec : one_of_each()) {
    if (spec.law == &kFixedLength || spec.law == &kEmpiricalLength) continue;  // have no such keys
    spec.min = 15, spec.max = 19;
    for (const int x : draws(spec, 1000))
      ASSERT_TRUE(x >= 15 && x <= 19) << spec.law->name << " " << x;
    EXPECT_EQ(shortest(spec), 15);
    EXPECT_EQ(longest(spec), 19);
  }
}

TEST(Lengths, FixedIsFixed) {
  for (const int x : draws({.value = 100}, 100)) EXPECT_EQ(x, 100);
}

TEST(Lengths, UniformReachesEveryValueEquallyOften) {
  std::map<int, int> counts;
  for (const int x : draws({.law = &kUniformLength, .min = 10, .max = 20}, 110'000)) ++counts[x];
  ASSERT_EQ(counts.size(), 11u);
  for (const auto& [value, count] : counts)
    EXPECT_NEAR(count, 10'000, 5 * std::sqrt(10'000.0)) << value;
}

TEST(Lengths, GaussianHasItsMomentsAndQuantiles) {
  const LengthSpec spec{.law = &kGaussianLength, .value = 2000, .std_dev = 300};
  const std::vector<int> xs = draws(spec, 100'000);
  EXPECT_NEAR(mean(xs), 2000, 5 * 300 / std::sqrt(1e5));
  EXPECT_NEAR(std_dev(xs), 300, 5 * 300 / std::sqrt(2e5));
  EXPECT_EQ(length_at(spec, 0.5), 2000);
  EXPECT_EQ(length_at(spec, 0.975), 2588);  // 2000 + 1.95996 * 300
  EXPECT_EQ(length_at(spec, 0.025), 1412);
}

TEST(Lengths, LognormalHasTheMeanAndDeviationOfTheLengthItself) {
  const LengthSpec spec{.law = &kLognormalLength, .value = 2000, .std_dev = 1000};
  const std::vector<int> xs = draws(spec, 200'000);
  EXPECT_NEAR(mean(xs), 2000, 5 * 1000 / std::sqrt(2e5));
  EXPECT_NEAR(std_dev(xs), 1000, 25);  // kurtosis 8.9: standard error 1000 sqrt(7.9 / 4 / 2e5) = 3
  EXPECT_EQ(length_at(spec, 0.5), 1789);  // median mean / sqrt(1 + cv²) = 2000 / sqrt(1.25)
}

TEST(Lengths, EmpiricalFollowsItsWeights) {
  std::map<int, int> counts;
  for (const int x :
       draws({.law = &kEmpiricalLength, .values = {8, 64, 16}, .weights = {1, 0, 3}}, 40'000))
    ++counts[x];
  EXPECT_EQ(counts.size(), 2u) << "a weight of 0 is never drawn";
  EXPECT_NEAR(counts[16], 30'000, 5 * std::sqrt(40'000 * 0.75 * 0.25));
  const LengthSpec equal{.law = &kEmpiricalLength, .values = {8, 64, 16}};
  EXPECT_EQ(length_at(equal, 0.3), 8);
  EXPECT_EQ(length_at(equal, 0.5), 64);
  EXPECT_EQ(length_at(equal, 0.99), 16);
  EXPECT_EQ(shortest(equal), 8);
  EXPECT_EQ(longest(equal), 64);
}

}  // namespace
}  // namespace paretune
