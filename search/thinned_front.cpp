#include "search/thinned_front.h"

#include <algorithm>
#include <limits>

#include "search/pareto.h"

namespace paretune {

Front front_among(const std::vector<Scores>& scores, const std::vector<std::size_t>& indices) {
  std::vector<Scores> all;
  for (const std::size_t i : indices) all.push_back(scores[i]);
  Front front;
  for (const std::size_t i : pareto_front(all)) {
    front.indices.push_back(indices[i]);
    front.scores.push_back(all[i]);
  }
  return front;
}

Scores reference_of(const std::vector<Scores>& front) {
  Scores reference;
  for (std::size_t j = 0; j < front[0].size(); ++j) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Scores& s : front) {
      low = std::min(low, s[j]);
      high = std::max(high, s[j]);
    }
    reference.push_back(high + std::max(0.1 * (high - low), 0.1));
  }
  return reference;
}

std::vector<Scores> thinned_front(const std::vector<Scores>& scores, std::size_t most) {
  std::vector<Scores> front;
  for (const std::size_t i : pareto_front(scores)) front.push_back(scores[i]);
  while (front.size() > most) {
    const std::vector<double> crowding = crowding_distances(front);
    front.erase(front.begin() + (std::ranges::min_element(crowding) - crowding.begin()));
  }
  return front;
}

}  // namespace paretune
