#include "search/pareto.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>

namespace paretune {
namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

Range range_of(std::span<const Scores> scores, std::size_t objective) {
  Range range;
  for (const Scores& s : scores) {
    range.low = std::min(range.low, s[objective]);
    range.high = std::max(range.high, s[objective]);
  }
  return range;
}

}  // namespace

bool dominates(const Scores& a, const Scores& b) {
  assert(a.size() == b.size());
  bool better = false;
  for (std::size_t j = 0; j < a.size(); ++j) {
    if (a[j] > b[j]) return false;
    better |= a[j] < b[j];
  }
  return better;
}

std::vector<std::size_t> pareto_front(std::span<const Scores> scores) {
  // In lexicographic order nothing is dominated by what comes after it, and what dominates is, or
  // is dominated by, a member of the front so far.
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) -> const Scores& { return scores[i]; });
  std::vector<std::size_t> front;
  for (std::size_t i : order) {
    const auto beats = [&](std::size_t member) { return dominates(scores[member], scores[i]); };
    if (std::ranges::none_of(front, beats)) front.push_back(i);
  }
  std::ranges::sort(front);
  return front;
}

std::vector<int> non_dominated_ranks(std::span<const Scores> scores) {
  const std::size_t n = scores.size();
  std::vector<std::vector<std::size_t>> beaten(n);
  std::vector<int> n_beating(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (!dominates(scores[i], scores[j])) continue;
      beaten[i].push_back(j);
      ++n_beating[j];
    }
  }
  std::vector<int> ranks(n, 0);
  std::vector<std::size_t> front, next;
  for (std::size_t i = 0; i < n; ++i) {
    if (n_beating[i] == 0) front.push_back(i);
  }
  for (int rank = 0; !front.empty(); ++rank, front.swap(next), next.clear()) {
    for (std::size_t i : front) {
      ranks[i] = rank;
      for (std::size_t j : beaten[i]) {
        if (--n_beating[j] == 0) next.push_back(j);
      }
    }
  }
  return ranks;
}

std::vector<double> crowding_distances(std::span<const Scores> front) {
  std::vector<double> distances(front.size(), 0.0);
  if (front.empty()) return distances;
  std::vector<std::size_t> order(front.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t j = 0; j < front[0].size(); ++j) {
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return front[i][j]; });
    const double low = front[order.front()][j], range = front[order.back()][j] - low;
    distances[order.front()] = distances[order.back()] = std::numeric_limits<double>::infinity();
    if (range <= 0) continue;
    for (std::size_t k = 1; k + 1 < order.size(); ++k) {
      distances[order[k]] += (front[order[k + 1]][j] - front[order[k - 1]][j]) / range;
    }
  }
  return distances;
}

std::size_t knee_point(std::span<const Scores> front) {
  assert(!front.empty());
  std::vector<double> squares(front.size(), 0.0);
  for (std::size_t j = 0; j < front[0].size(); ++j) {
    const Range range = range_of(front, j);
    if (range.high <= range.low) continue;
    for (std::size_t i = 0; i < front.size(); ++i) {
      const double scaled = (front[i][j] - range.low) / (range.high - range.low);
      squares[i] += scaled * scaled;
    }
  }
  return std::size_t(std::ranges::min_element(squares) - squares.begin());
}

}  // namespace paretune
