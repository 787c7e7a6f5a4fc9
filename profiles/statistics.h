// What samples say about the thing sampled, and how surely: beside summarize() of
// profiles/measurement.h, all that the measurements need of statistics.
#pragma once

#include <span>
#include <vector>

#include "profiles/measurement.h"

namespace paretune {

inline constexpr double kOneSided95 = 1.6449;  // standard errors

struct Mean {
  double value = 0;
  double standard_error = 0;
};

double median(std::vector<double> samples);  // the upper one of two; not empty

// Of independent samples.
Mean mean(std::span<const double> samples);

// The sum and the number of the samples that belong together (the tokens of one document).
struct Cluster {
  double sum = 0;
  double count = 0;
};

// Of all samples of all clusters. Samples within a cluster may depend on each other, clusters may
// not: the standard error is the ratio estimator's, sqrt(g / (g - 1) * sum_c (sum_c - value *
// count_c)^2) / n (Miller, arXiv:2411.00640, section 2.2). Of one cluster it is infinite.
Mean clustered_mean(std::span<const Cluster> clusters);

// exp of the mean, its error by the delta method. Of per-token differences of -ln p it is the ratio
// of two perplexities; being paired, it is far surer than either (llama.cpp's
// ln(PPL(Q)/PPL(base))).
Mean clustered_exp_mean(std::span<const Cluster> clusters);

// Standard error of a fraction of which `right` of n were seen: Agresti and Coull's, sqrt(p (1 - p)
// / (n + 4)) at p = (right + 2) / (n + 4). The textbook's sqrt(p (1 - p) / n) would call 13 of 13
// certain.
double binomial_standard_error(double right, int n);

// The q-quantile by nearest rank (Hyndman and Fan's type 1): the ceil(q n)-th smallest, always a
// value that was seen. sorted: ascending, not empty, no value negative. The interval holds the true
// quantile with 95 % or more whatever the distribution, for the number of samples below it is
// binomial: from order statistics, 2.5 % on either side where there are enough samples, and all 5 %
// above where there are just enough for that (n = samples_needed(q)). Where samples do not bound
// it, low is 0 and high infinite. The samples are taken as independent, which ITL gaps of one
// request are not: their interval is optimistic.
Estimate percentile(std::span<const double> sorted, double q);

// The rank, from 1, of the sample of n that is the interval's high end; 0: none is.
int upper_rank(int n, double q);

// How many times as large as of independent samples the standard error of their mean is, for that
// samples of one cluster depend on each other (clustered_mean): at least 1, at most as if each were
// the same sample again, as it is taken to be of one cluster. Of few clusters, or samples that do
// not differ, it is no less than a correlation of kAssumedCorrelation within clusters makes it
// (Kish's design effect). cluster: of each sample.
inline constexpr double kAssumedCorrelation = 0.1;
double clustering_factor(std::span<const double> samples, std::span<const int> cluster);

// Mean of paired drops (before - after) in [-1, 1], one for each item, with a pair of 1 and one of
// -1 added. Of flips of right and wrong that is Bonett and Price's adjusted estimate, (b - c) / (n
// + 2), with the standard error of the adjusted shares (Statistics in Medicine 31, 2012).
Mean paired_drop(std::span<const double> drops);

// Of changes of a probability, in [-1, 1]. Two pairs are added, as far apart as the largest change
// known to occur (but kSmallestSwing at least), as Bonett and Price do with flips: that none of a
// few changed much does not prove that none would. swing: known from elsewhere.
inline constexpr double kSmallestSwing = 0.05;
Mean paired_likelihood_drop(std::span<const double> drops, double swing = 0);

// How likely b of b + c flips or more go the first way where both are alike: one-sided, exact.
double flip_p(int b, int c);

// Standard errors from the mean of so many independent samples to its one-sided 95 % bound: the
// quantile of Student's t with n - 1 degrees of freedom. Infinite of fewer than two.
double one_sided_95(int n);

// No probability changes by more where the KL divergence is this (Pinsker's inequality).
double largest_swing(double kl_divergence);

// Two-sided exact p-value of McNemar's test: how likely so uneven a split of b + c flips is if both
// directions are alike.
double mcnemar_p(int b, int c);

}  // namespace paretune
