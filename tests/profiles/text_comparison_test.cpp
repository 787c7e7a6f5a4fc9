#include "profiles/text_comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace paretune {
namespace {

std::vector<float> random_logits(int n, std::uint64_t seed, float scale) {
  std::mt19937_64 rng(seed);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = float((double(rng() >> 11) * 0x1p-53 - 0.5) * scale);
  return logits;
}

std::vector<float> logprobs_of(const std::vector<float>& logits) {
  std::vector<float> out(logits.size());
  EXPECT_TRUE(log_softmax(logits, out));
  return out;
}

QualityReference reference_of(const std::vector<float>& logprobs, int target, int kept) {
  QualityReference reference{.vocab_size = int(logprobs.size()), .kept = kept};
  append_row(reference, logprobs, target);
  return reference;
}

double kl_of(const std::vector<float>& p, const std::vector<float>& q) {
  return compare_token(reference_of(p, 0, int(p.size())), 0, q, 0).kl_divergence;
}

TEST(LogSoftmax, KnownValues) {
  const std::vector<float> p = logprobs_of({1000.0f, 1000.0f + std::log(3.0f)});
  EXPECT_NEAR(p[0], std::log(0.25), 1e-4);  // the logits' own rounding: 1000 * 2^-24
  EXPECT_NEAR(p[1], std::log(0.75), 1e-4);
}

TEST(LogSoftmax, RefusesWhatIsNotFinite) {
  std::vector<float> out(3);
  EXPECT_TRUE(log_softmax(std::vector<float>{0, 1, 2}, out));
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()})
    for (int at = 0; at < 3; ++at) {
      std::vector<float> logits{0, 1, 2};
      logits[at] = bad;
      EXPECT_FALSE(log_softmax(logits, out)) << bad << " at " << at;
    }
}

TEST(CompareToken, KnownDivergence) {
  const std::vector<float> p{std::log(0.5f), std::log(0.5f)}, q{std::log(0.25f), std::log(0.75f)};
  EXPECT_NEAR(kl_of(p, q), 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3), 1e-7);
  EXPECT_NEAR(kl_of(q, p), 0.25 * std::log(0.5) + 0.75 * std::log(1.5), 1e-7);
}

TEST(CompareToken, EqualRowsDoNotDivergeAtAll) {
  for (const int kept : {1000, 50}) {
    const std::vector<float> p = logprobs_of(random_logits(1000, 3, 20));
    const TokenComparison same = compare_token(reference_of(p, 7, kept), 0, p, 7);
    EXPECT_EQ(same.kl_divergence, 0);
    EXPECT_TRUE(same.same_top1);
    EXPECT_EQ(same.nats, same.reference_nats);
    EXPECT_EQ(same.nats, -double(p[7]));
  }
}

// Against the definition in long double, from nearly equal to far apart.
TEST(CompareToken, IsTheDefinition) {
  const std::vector<float> a = random_logits(1500, 1, 12);
  const std::vector<float> noise = random_logits(1500, 2, 1);
  for (const float size : {1e-3f, 1e-2f, 0.1f, 1.0f, 20.0f}) {
    std::vector<float> b = a;
    for (std::size_t i = 0; i < b.size(); ++i) b[i] += size * noise[i];
    long double za = 0, zb = 0, kl = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      za += std::exp((long double)a[i]), zb += std::exp((long double)b[i]);
    for (std::size_t i = 0; i < a.size(); ++i)
      kl += std::exp((long double)a[i]) / za *
            ((long double)a[i] - std::log(za) - b[i] + std::log(zb));
    // Log-probabilities are floats near 10: half an ulp is 5e-7, squared into KL, or times the
    // noise.
    EXPECT_NEAR(kl_of(logprobs_of(a), logprobs_of(b)), double(kl), 1e-5 * double(kl) + 1e-12)
        << size;
  }
}

TEST(CompareToken, LumpingTheUnlikelyOnlyLowersDivergence) {
  const std::vector<float> p = logprobs_of(random_logits(1000, 5, 25)),
                           q = logprobs_of(random_logits(1000, 6, 25));
  double last = 0;
  for (const int kept : {1, 10, 100, 999, 1000}) {
    const double kl = compare_token(reference_of(p, 0, kept), 0, q, 0).kl_divergence;
    EXPECT_GE(kl, last - 1e-9) << kept;
    last = kl;
  }
  const double exact = last;
  EXPECT_NEAR(compare_token(reference_of(p, 0, 300), 0, q, 0).kl_divergence, exact, 0.01 * exact);
}

TEST(CompareToken, RemembersWhatIsNotKept) {
  const std::vector<float> p = logprobs_of({5, 0, 1, 2}), q = logprobs_of({0, 5, 1, 2});
  const QualityReference reference = reference_of(p, 1, 2);
  EXPECT_EQ(reference.ids, (std::vector<std::uint32_t>{0, 3}));
  const TokenComparison c = compare_token(reference, 0, q, 1);
  EXPECT_FALSE(c.same_top1);
  EXPECT_EQ(c.reference_nats, -double(p[1]));
  EXPECT_EQ(c.nats, -double(q[1]));
}

TEST(SummarizeText, MeansAndPerplexities) {
  std::vector<TokenComparison> tokens;
  for (int i = 0; i < 4; ++i)
    tokens.push_back(
        {.kl_divergence = 0.1 * i, .same_top1 = i != 3, .nats = 1.0 + i, .reference_nats = 1.0});
  Quality quality;
  summarize_text({tokens, {1, 3}, {0, 1}}, quality);
  EXPECT_DOUBLE_EQ(quality.kl_divergence, 0.15);
  // Two clusters, sums 0 and 0.6, residuals -0.15 and 0.6 - 0.45.
  EXPECT_DOUBLE_EQ(quality.kl_standard_error, std::sqrt(2 * (0.15 * 0.15 + 0.15 * 0.15)) / 4);
  EXPECT_DOUBLE_EQ(quality.kl_p99, 0.1 * 3);
  EXPECT_DOUBLE_EQ(quality.same_top1_fraction, 0.75);
  EXPECT_DOUBLE_EQ(quality.perplexity, std::exp(2.5));
  EXPECT_DOUBLE_EQ(quality.reference_perplexity, std::exp(1.0));
  EXPECT_DOUBLE_EQ(quality.perplexity_ratio, std::exp(1.5));
  EXPECT_EQ(quality.tokens, 4);
  EXPECT_EQ(quality.documents, 2);
}

TEST(SummarizeText, WindowsOfOneTextAreOneCluster) {
  std::vector<TokenComparison> tokens;
  for (int i = 0; i < 6; ++i) tokens.push_back({.kl_divergence = 0.1 * i});
  const std::vector<int> windows{2, 2, 2};
  Quality apart, paired, single;
  summarize_text({tokens, windows, {0, 1, 2}}, apart);
  summarize_text({tokens, windows, {0, 1, 0}}, paired);
  summarize_text({tokens, windows, {5, 5, 5}}, single);
  EXPECT_DOUBLE_EQ(apart.kl_divergence, paired.kl_divergence);
  EXPECT_EQ(apart.documents, 3);
  EXPECT_EQ(paired.documents, 2);
  EXPECT_NE(apart.kl_standard_error, paired.kl_standard_error);
  // All of one text: its windows are all there is.
  EXPECT_EQ(single.documents, 3);
  EXPECT_EQ(single.kl_standard_error, apart.kl_standard_error);
}

}  // namespace
}  // namespace paretune
