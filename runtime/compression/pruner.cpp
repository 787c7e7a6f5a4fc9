#include "runtime/compression/pruner.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace paretune {

void score_magnitude(std::span<const float> row, const InputStatistics*, std::span<float> out) {
  for (std::size_t i = 0; i < row.size(); ++i) out[i] = std::fabs(row[i]);
}

// Sun et al., arXiv:2306.11695: |w_ij| · ‖x_j‖.
void score_wanda(std::span<const float> row, const InputStatistics* statistics,
                 std::span<float> out) {
  score_magnitude(row, nullptr, out);
  if (!statistics) return;
  for (std::size_t i = 0; i < row.size(); ++i) out[i] *= std::sqrt(statistics->mean_squares[i]);
}

void mark_dropped(const Pruner& pruner, double percent, std::span<const float> row,
                  const InputStatistics* statistics, std::span<std::uint8_t> dropped) {
  std::vector<float> scores(row.size());
  pruner.score(row, statistics, scores);
  std::vector<std::uint32_t> order(row.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto count = static_cast<std::ptrdiff_t>(double(row.size()) * percent / 100);
  std::nth_element(order.begin(), order.begin() + count, order.end(),
                   [&](std::uint32_t a, std::uint32_t b) {
                     return scores[a] != scores[b] ? scores[a] < scores[b] : a < b;
                   });
  std::ranges::fill(dropped, std::uint8_t{0});
  for (std::ptrdiff_t i = 0; i < count; ++i) dropped[order[std::size_t(i)]] = 1;
}

}  // namespace paretune
