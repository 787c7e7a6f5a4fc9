#include "profiles/text_comparison.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "profiles/statistics.h"

namespace paretune {
namespace {

// e^d - 1 - d >= 0, without cancellation: KL(p || q) = sum p excess(ln q - ln p) where p and q sum
// to 1. Unlike sum p (ln p - ln q) no term is negative, so rounding of the log-probabilities enters
// squared, and equal rows give 0.
double excess(double d) {
  if (std::abs(d) > 0.1) return std::expm1(d) - d;
  return d * d *
         (1 / 2.0 +
          d * (1 / 6.0 + d * (1 / 24.0 + d * (1 / 120.0 + d / 720))));  // error < 1e-8 of it
}

std::uint32_t argmax(std::span<const float> values) {
  return std::uint32_t(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

bool log_softmax(std::span<const float> logits, std::span<float> out) {
  const float max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit - max));
  const double log_sum = max + std::log(sum);
  if (!std::isfinite(log_sum)) return false;
  bool finite = true;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    out[i] = float(logits[i] - log_sum);
    finite &= std::isfinite(out[i]);
  }
  return finite;
}

void append_row(QualityReference& reference, std::span<const float> logprobs, int target) {
  assert(int(logprobs.size()) == reference.vocab_size);
  reference.target_logprobs.push_back(logprobs[std::size_t(target)]);
  reference.top1.push_back(argmax(logprobs));
  if (reference.kept == reference.vocab_size) {
    reference.logprobs.insert(reference.logprobs.end(), logprobs.begin(), logprobs.end());
    return;
  }
  std::vector<std::uint32_t> ids(logprobs.size());
  std::iota(ids.begin(), ids.end(), 0u);
  const auto more_likely = [&](std::uint32_t a, std::uint32_t b) {
    return logprobs[a] != logprobs[b] ? logprobs[a] > logprobs[b] : a < b;
  };
  std::nth_element(ids.begin(), ids.begin() + reference.kept - 1, ids.end(), more_likely);
  ids.resize(std::size_t(reference.kept));
  std::sort(ids.begin(), ids.end());  // read in order when rows are compared
  for (const std::uint32_t id : ids) reference.logprobs.push_back(logprobs[id]);
  reference.ids.insert(reference.ids.end(), ids.begin(), ids.end());
}

TokenComparison compare_token(const QualityReference& reference, std::size_t row,
                              std::span<const float> logprobs, int target) {
  const auto kept = std::size_t(reference.kept);
  const std::span<const float> full = std::span(reference.logprobs).subspan(row * kept, kept);
  double kl = 0;
  if (reference.ids.empty()) {
    for (std::size_t i = 0; i < kept; ++i)
      kl += std::exp(double(full[i])) * excess(double(logprobs[i]) - full[i]);
  } else {
    const std::span<const std::uint32_t> ids = std::span(reference.ids).subspan(row * kept, kept);
    double p_sum = 0, q_sum = 0;
    for (std::size_t i = 0; i < kept; ++i) {
      const double p = std::exp(double(full[i]));
      const double d = double(logprobs[ids[i]]) - full[i];
      kl += p * excess(d);
      p_sum += p, q_sum += p * std::exp(d);
    }
    // The lump of all others. What is left of 1 is rounding below 1e-6 (sums of floats'
    // exponentials).
    const double p = std::max(1 - p_sum, 1e-6), q = std::max(1 - q_sum, 1e-6);
    kl += p * excess(std::log(q / p));
  }
  return {.kl_divergence = kl,
          .same_top1 = argmax(logprobs) == reference.top1[row],
          .nats = -double(logprobs[std::size_t(target)]),
          .reference_nats = -double(reference.target_logprobs[row])};
}

std::vector<int> text_clusters(std::span<const int> sources) {
  std::vector<int> clusters(sources.begin(), sources.end());
  if (std::ranges::all_of(sources, [&](int s) { return s == sources.front(); }))
    std::iota(clusters.begin(), clusters.end(), 0);
  return clusters;
}

namespace {

// By cluster, of what `of` says about each token.
template <typename Of>
std::vector<Cluster> clustered(const TextSample& sample, Of of) {
  assert(sample.sources.size() == sample.document_tokens.size());
  assert(std::accumulate(sample.document_tokens.begin(), sample.document_tokens.end(),
                         std::size_t{0}) == sample.tokens.size());
  const std::vector<int> belongs = text_clusters(sample.sources);
  std::map<int, Cluster> clusters;
  std::size_t next = 0;
  for (std::size_t i = 0; i < belongs.size(); ++i) {
    const std::size_t n = std::size_t(sample.document_tokens[i]);
    Cluster& cluster = clusters[belongs[i]];
    cluster.count += double(n);
    for (const TokenComparison& token : std::span(sample.tokens).subspan(next, n))
      cluster.sum += of(token);
    next += n;
  }
  std::vector<Cluster> all;
  for (const auto& [name, cluster] : clusters) all.push_back(cluster);
  return all;
}

}  // namespace

Mean mean_kl(const TextSample& sample) {
  return clustered_mean(clustered(sample, std::mem_fn(&TokenComparison::kl_divergence)));
}

Mean kl_saved(const TextSample& before, const TextSample& after) {
  assert(before.document_tokens == after.document_tokens);
  TextSample saved = before;
  for (std::size_t i = 0; i < saved.tokens.size(); ++i)
    saved.tokens[i].kl_divergence -= after.tokens[i].kl_divergence;
  return mean_kl(saved);
}

void summarize_text(const TextSample& sample, Quality& quality) {
  double nats = 0, reference_nats = 0;
  std::vector<double> divergences;
  for (const TokenComparison& token : sample.tokens) {
    nats += token.nats;
    reference_nats += token.reference_nats;
    divergences.push_back(token.kl_divergence);
  }
  const std::vector<Cluster> more_nats = clustered(
      sample, [](const TokenComparison& token) { return token.nats - token.reference_nats; });
  quality.tokens = int(sample.tokens.size());
  quality.documents = int(more_nats.size());
  if (sample.tokens.empty()) return;
  std::sort(divergences.begin(), divergences.end());
  const Mean kl = mean_kl(sample),
             same_top1 =
                 clustered_mean(clustered(sample, std::mem_fn(&TokenComparison::same_top1))),
             ratio = clustered_exp_mean(more_nats);
  quality.kl_divergence = kl.value;
  quality.kl_standard_error = kl.standard_error;
  quality.kl_p99 = percentile(divergences, 0.99).value;
  quality.kl_p999 = percentile(divergences, 0.999).value;
  quality.same_top1_fraction = same_top1.value;
  quality.same_top1_standard_error = same_top1.standard_error;
  quality.perplexity = std::exp(nats / double(sample.tokens.size()));
  quality.reference_perplexity = std::exp(reference_nats / double(sample.tokens.size()));
  quality.perplexity_ratio = ratio.value;
  quality.perplexity_ratio_standard_error = ratio.standard_error;
}

}  // namespace paretune
