#include "runtime/engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace paretune {
namespace {

// Probabilities .5, .25, .125, .125 in the order of tokens 2, 0, 1, 3.
const std::vector<float> kLogits{std::log(.25f), std::log(.125f), std::log(.5f), std::log(.125f)};

std::map<int, double> frequencies(const Sampling& sampling, int n = 20000) {
  Sampler sampler(sampling);
  std::map<int, double> counts;
  for (int i = 0; i < n; ++i) counts[sampler.pick(kLogits).token] += 1.0 / n;
  return counts;
}

TEST(SamplerTest, GreedyTakesTheFirstOfTheLargest) {
  Sampler sampler({});
  EXPECT_EQ(sampler.pick(kLogits).token, 2);
  EXPECT_NEAR(sampler.pick(kLogits).logprob, std::log(.5f), 1e-5);
  EXPECT_EQ(sampler.pick(std::vector<float>{1, 3, 3}).token, 1);
}

TEST(SamplerTest, TemperatureOneIsTheDistribution) {
  const auto f = frequencies({.temperature = 1, .seed = 3});
  EXPECT_NEAR(f.at(2), .5, .015);
  EXPECT_NEAR(f.at(0), .25, .015);
  EXPECT_NEAR(f.at(1), .125, .01);
}

TEST(SamplerTest, CutsKeepTheHead) {
  EXPECT_EQ(frequencies({.temperature = 1, .top_k = 2}).size(), 2u);
  EXPECT_EQ(frequencies({.temperature = 1, .top_p = .5f}).size(), 1u);
  EXPECT_EQ(frequencies({.temperature = 1, .top_p = .51f}).size(), 2u);
  EXPECT_EQ(frequencies({.temperature = 1, .min_p = .4f}).size(), 2u);
  EXPECT_EQ(frequencies({.temperature = 1, .top_k = 1}).size(), 1u);
  const auto f = frequencies({.temperature = 1, .top_k = 2, .seed = 9});
  EXPECT_NEAR(f.at(2), 2.0 / 3, .015);
}

}  // namespace
}  // namespace paretune
