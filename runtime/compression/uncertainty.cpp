#include "runtime/compression/uncertainty.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace paretune {

void uncertainty(const ModelSource& source, std::span<const float> x, std::span<float> out) {
  constexpr std::size_t kTokens = 512, kRows = kUncertainRows;  // of the vocabulary, and of x
  const auto [tokens, width] = source.weight_shape(Weight::output);
  const auto vocabulary = static_cast<std::size_t>(tokens), d = static_cast<std::size_t>(width);
  // Of a row: its largest logit so far, and Σ and Σ of squares of exp(logit - largest).
  struct Sums {
    float largest = -INFINITY;
    double sum = 0, squares = 0;
  };
  std::vector<Sums> sums(out.size());
  std::vector<float> weights(kTokens * d), logits(kRows * kTokens);
  for (std::size_t token = 0; token < vocabulary; token += kTokens) {
    const std::size_t count = std::min(kTokens, vocabulary - token);
    source.read_rows(Weight::output, 0, static_cast<int>(token), static_cast<int>(token + count),
                     std::span(weights).first(count * d));
    for (std::size_t row = 0; row < out.size(); row += kRows) {
      const std::size_t rows = std::min(kRows, out.size() - row);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(rows),
                  static_cast<int>(count), width, 1.0f, x.data() + row * d, width, weights.data(),
                  width, 0.0f, logits.data(), static_cast<int>(count));
      for (std::size_t i = 0; i < rows; ++i) {
        const std::span<const float> of(logits.data() + i * count, count);
        Sums& so_far = sums[row + i];
        if (const float largest = std::ranges::max(of); largest > so_far.largest) {
          const double smaller = std::exp(double(so_far.largest) - largest);
          so_far = {largest, so_far.sum * smaller, so_far.squares * smaller * smaller};
        }
        for (const float logit : of) {
          const double e = std::exp(logit - so_far.largest);
          so_far.sum += e;
          so_far.squares += e * e;
        }
      }
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(1 - sums[i].squares / (sums[i].sum * sums[i].sum));
  }
}

void to_row_weights(std::span<float> uncertainty) {
  const double mean = std::accumulate(uncertainty.begin(), uncertainty.end(), 0.0) /
                      static_cast<double>(uncertainty.size());
  for (float& u : uncertainty) {
    u = mean > 0 ? static_cast<float>(std::sqrt(std::max(u, 0.0f) / mean)) : 1.0f;
  }
}

}  // namespace paretune
