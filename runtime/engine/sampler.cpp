#include "runtime/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/elementwise.h"

namespace paretune {

Sampler::Choice Sampler::pick(std::span<const float> logits) {
  const float normalizer = log_sum_exp(logits);
  const int best = argmax(logits);
  const auto choice = [&](int token) {
    return Choice{token, logits[static_cast<std::size_t>(token)] - normalizer};
  };
  if (sampling_.temperature <= 0) return choice(best);

  const auto n = logits.size();
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0);
  // Ties break by id, so that the order does not depend on the library's sort.
  const auto before = [&](int a, int b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::size_t keep =
      sampling_.top_k > 0 ? std::min<std::size_t>(n, static_cast<std::size_t>(sampling_.top_k)) : n;
  if (keep < n) {
    std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(keep),
                      order_.end(), before);
  } else if (sampling_.top_p < 1 || sampling_.min_p > 0) {
    std::sort(order_.begin(), order_.end(), before);
  }

  weights_.resize(keep);
  const float top = logits[static_cast<std::size_t>(best)];
  for (std::size_t i = 0; i < keep; ++i) {
    weights_[i] =
        std::exp((logits[static_cast<std::size_t>(order_[i])] - top) / sampling_.temperature);
  }
  if (sampling_.top_p < 1) {  // the fewest tokens whose probabilities reach top_p
    const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    double sum = 0;
    std::size_t i = 0;
    while (i < keep && sum < sampling_.top_p * total) sum += weights_[i++];
    keep = std::max<std::size_t>(1, i);
  }
  if (sampling_.min_p > 0) {  // weights_[0] is the largest, 1
    std::size_t i = 1;
    while (i < keep && weights_[i] >= sampling_.min_p) ++i;
    keep = i;
  }
  const double total =
      std::accumulate(weights_.begin(), weights_.begin() + static_cast<std::ptrdiff_t>(keep), 0.0);
  double target = static_cast<double>(rng_() >> 11) * 0x1p-53 * total;
  for (std::size_t i = 0; i + 1 < keep; ++i) {
    target -= weights_[i];
    if (target < 0) return choice(order_[i]);
  }
  return choice(order_[keep - 1]);
}

}  // namespace paretune
