#include "profiles/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace paretune {
namespace {

std::vector<double> ascending(int n) {
  std::vector<double> v(n);
  for (int i = 0; i < n; ++i) v[i] = i + 1;
  return v;
}

double uniform(std::mt19937_64& rng) { return double(rng() >> 11) * 0x1p-53; }

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(percentile(ascending(5), 0.5).value, 3);
  EXPECT_EQ(percentile(ascending(4), 0.5).value, 2);
  EXPECT_EQ(percentile(ascending(60), 0.95).value, 57);  // 0.95 * 60 is whole
  EXPECT_EQ(percentile(ascending(100), 0.99).value, 99);
  EXPECT_EQ(percentile(ascending(1), 0.999).value, 1);
}

TEST(Percentile, IntervalIsTheTabledOne) {
  // Binomial tables (e.g. Conover, Practical Nonparametric Statistics, section 3.2): of 10 samples
  // the 2nd to the 9th (97.9 %), of 20 the 6th to the 15th (95.9 %).
  const Estimate ten = percentile(ascending(10), 0.5);
  EXPECT_EQ(ten.low, 2);
  EXPECT_EQ(ten.high, 9);
  const Estimate twenty = percentile(ascending(20), 0.5);
  EXPECT_EQ(twenty.low, 6);
  EXPECT_EQ(twenty.high, 15);
  // Of 100 samples of p95, P(B >= 99) is 3.7 % and P(B >= 100) 0.6 %; P(B <= 90) is 2.8 %, which
  // is within the 4.4 % that are left, and P(B <= 91) 6.3 %.
  const Estimate hundred = percentile(ascending(100), 0.95);
  EXPECT_EQ(hundred.low, 91);
  EXPECT_EQ(hundred.high, 100);
}

TEST(Percentile, IsBoundedFromTheSamplesNeededOn) {
  for (const Percentile& p : kPercentiles) {
    const int n = samples_needed(p.percent);
    EXPECT_TRUE(std::isinf(percentile(ascending(n - 1), p.percent / 100).high)) << p.name;
    EXPECT_EQ(percentile(ascending(n), p.percent / 100).high, n) << p.name;
  }
}

TEST(Percentile, LiesInItsInterval) {
  for (const Percentile& p : kPercentiles)
    for (int n = 1; n < 700; ++n) {
      const Estimate e = percentile(ascending(n), p.percent / 100);
      ASSERT_LE(e.low, e.value) << p.name << " of " << n;
      ASSERT_GE(e.high, e.value) << p.name << " of " << n;
    }
}

// Coverage for a skewed law, of which the interval knows nothing. Guaranteed are 95 %; sample sizes
// are discrete, so it is more, but at these n not much.
TEST(Percentile, IntervalCoversTheTruth) {
  std::mt19937_64 rng(7);
  constexpr int kRounds = 4000;
  for (const auto& [n, q] :
       {std::pair{59, 0.95}, {100, 0.95}, {400, 0.95}, {40, 0.5}, {600, 0.99}}) {
    const double truth = std::exp(3 * q);
    int covered = 0;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<double> samples(n);
      for (double& sample : samples) sample = std::exp(3 * uniform(rng));
      std::sort(samples.begin(), samples.end());
      const Estimate e = percentile(samples, q);
      covered += e.low <= truth && truth <= e.high;
    }
    EXPECT_GE(covered, 0.942 * kRounds) << n << " samples, q " << q;
    EXPECT_LE(covered, 0.985 * kRounds) << n << " samples, q " << q;
  }
}

TEST(Summarize, OrdersAndCounts) {
  const Distribution d = summarize({3, 1, 2});
  EXPECT_EQ(d.samples, 3);
  EXPECT_DOUBLE_EQ(d.mean, 2);
  EXPECT_EQ(d.percentiles[0].value, 2);
  EXPECT_EQ(d.percentiles[3].value, 3);
  EXPECT_FALSE(d.enough(2));
  EXPECT_TRUE(summarize(std::vector<double>(59, 1.0)).enough(2));
  EXPECT_FALSE(summarize(std::vector<double>(59, 1.0)).enough(3));
}

TEST(Summarize, OfNothingKnowsNothing) {
  const Distribution d = summarize({});
  EXPECT_EQ(d.samples, 0);
  for (const Estimate& e : d.percentiles) EXPECT_TRUE(std::isinf(e.high));
}

TEST(MeanTest, KnownValues) {
  const Mean m = mean(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(m.value, 5);
  EXPECT_DOUBLE_EQ(m.standard_error, std::sqrt(32.0 / 7 / 8));
  EXPECT_TRUE(std::isinf(mean(std::vector<double>{1}).standard_error));
}

TEST(ClusteredMean, OfSingletonsIsThePlainMean) {
  const std::vector<double> samples{2, 4, 4, 4, 5, 5, 7, 9};
  std::vector<Cluster> clusters;
  for (const double s : samples) clusters.push_back({s, 1});
  EXPECT_DOUBLE_EQ(clustered_mean(clusters).value, mean(samples).value);
  EXPECT_DOUBLE_EQ(clustered_mean(clusters).standard_error, mean(samples).standard_error);
}

TEST(ClusteredMean, CopiesWithinAClusterAddNoCertainty) {
  // Each sample tenfold: the plain error would shrink by sqrt(10), the clustered one must not.
  std::vector<Cluster> once, tenfold;
  for (const double s : {1.0, 2.0, 4.0, 8.0})
    once.push_back({s, 1}), tenfold.push_back({10 * s, 10});
  EXPECT_DOUBLE_EQ(clustered_mean(once).standard_error, clustered_mean(tenfold).standard_error);
}

TEST(ClusteredMean, ErrorIsTheSpreadOfRepeatedStudies) {
  // 40 documents of 5 to 50 tokens, each with a level of its own.
  std::mt19937_64 rng(11);
  std::vector<double> means;
  double errors = 0;
  constexpr int kStudies = 2000;
  for (int study = 0; study < kStudies; ++study) {
    std::vector<Cluster> clusters(40);
    for (Cluster& c : clusters) {
      c.count = 5 + double(rng() % 46);
      const double level = uniform(rng);
      for (int i = 0; i < c.count; ++i) c.sum += level + 0.1 * uniform(rng);
    }
    const Mean m = clustered_mean(clusters);
    means.push_back(m.value);
    errors += m.standard_error / kStudies;
  }
  const double spread = mean(means).standard_error * std::sqrt(double(kStudies));
  EXPECT_NEAR(errors / spread, 1, 0.06);
}

TEST(ClusteringFactor, IsHowMuchTheErrorGrows) {
  const std::vector<double> samples{0, 0, 1, 1, 0, 0, 1, 1};
  const std::vector<int> alone{1, 2, 3, 4, 5, 6, 7, 8}, pairs{1, 1, 2, 2, 3, 3, 4, 4},
      mixed{1, 2, 1, 2, 3, 4, 3, 4}, one(8);
  EXPECT_EQ(clustering_factor(samples, alone), 1);
  // Of 4 samples instead of 8, whose spread has 3 degrees of freedom instead of 7.
  EXPECT_NEAR(clustering_factor(samples, pairs), std::sqrt(2 * 7 / 6.0), 1e-12);
  // Few clusters that are alike, as any are where nothing differs, may be so by chance.
  EXPECT_DOUBLE_EQ(clustering_factor(samples, mixed), std::sqrt(1 + kAssumedCorrelation));
  EXPECT_EQ(clustering_factor(samples, one), std::sqrt(8));
  EXPECT_DOUBLE_EQ(clustering_factor(std::vector<double>(8), pairs),
                   std::sqrt(1 + kAssumedCorrelation));
  EXPECT_EQ(clustering_factor(std::vector<double>(8), alone), 1);
  EXPECT_EQ(clustering_factor({}, {}), 1);
}

TEST(OneSided95, IsStudentsT) {
  EXPECT_NEAR(one_sided_95(2), 6.3138, 1e-4);
  EXPECT_NEAR(one_sided_95(9), 1.8595, 1e-4);
  EXPECT_NEAR(one_sided_95(100'000), 1.6449, 1e-3);
  EXPECT_EQ(one_sided_95(1), INFINITY);
}

TEST(FlipP, IsTheBinomialsTail) {
  EXPECT_DOUBLE_EQ(flip_p(0, 0), 1);
  EXPECT_DOUBLE_EQ(flip_p(3, 0), 0.125);
  EXPECT_DOUBLE_EQ(flip_p(2, 1), 0.5);
  EXPECT_DOUBLE_EQ(flip_p(0, 5), 1);
}

TEST(ClusteredExpMean, IsTheRatioOfPerplexities) {
  const std::vector<Cluster> clusters{{0.2, 10}, {0.6, 10}};
  const Mean ratio = clustered_exp_mean(clusters);
  EXPECT_DOUBLE_EQ(ratio.value, std::exp(0.04));
  EXPECT_DOUBLE_EQ(ratio.standard_error, std::exp(0.04) * 0.02);
}

TEST(Binomial, StandardErrorIsNeverCertain) {
  EXPECT_NEAR(binomial_standard_error(50, 100), std::sqrt(0.25 / 104), 1e-12);
  EXPECT_NEAR(binomial_standard_error(13, 13), 0.0781, 1e-4);
  EXPECT_GT(binomial_standard_error(0, 5), 0.1);
}

TEST(McNemar, KnownValues) {
  EXPECT_DOUBLE_EQ(mcnemar_p(0, 0), 1);
  EXPECT_DOUBLE_EQ(mcnemar_p(3, 3), 1);
  EXPECT_DOUBLE_EQ(mcnemar_p(0, 5), 2.0 / 32);
  EXPECT_NEAR(mcnemar_p(6, 16), 0.0524788, 1e-7);  // R: binom.test(6, 22)$p.value
  EXPECT_DOUBLE_EQ(mcnemar_p(16, 6), mcnemar_p(6, 16));
}

}  // namespace
}  // namespace paretune
