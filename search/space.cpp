#include "search/space.h"

#include <cassert>
#include <cstdint>
#include <stdexcept>

namespace paretune {

std::size_t PointHash::operator()(const Point& point) const noexcept {
  std::uint64_t hash = point.size();
  for (int choice : point) {
    hash = (hash ^ unsigned(choice)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return std::size_t(hash);
}

double raw_size(const Space& space) {
  double size = 1;
  for (int n : space.n_choices) size *= n;
  return size;
}

bool contains(const Space& space, const Point& point) {
  if (point.size() != space.n_choices.size()) return false;
  for (std::size_t d = 0; d < point.size(); ++d) {
    if (point[d] < 0 || point[d] >= space.n_choices[d]) return false;
  }
  return true;
}

std::optional<Point> canonical_of(const Space& space, const Point& point) {
  assert(contains(space, point));
  if (!space.canonical) return point;
  std::optional<Point> canonical = space.canonical(point);
  assert(!canonical || contains(space, *canonical));
  return canonical;
}

bool is_ordinal(const Space& space, std::size_t dimension) {
  return !space.ordinal.empty() && space.ordinal[dimension];
}

void check_space(const Space& space) {
  const std::size_t n = space.n_choices.size();
  if (n == 0) throw std::runtime_error("search space: no dimension, at least one is needed");
  if (!space.names.empty() && space.names.size() != n) {
    throw std::runtime_error("search space: " + std::to_string(space.names.size()) + " names for " +
                             std::to_string(n) + " dimensions");
  }
  if (!space.ordinal.empty() && space.ordinal.size() != n) {
    throw std::runtime_error("search space: " + std::to_string(space.ordinal.size()) +
                             " ordinal flags for " + std::to_string(n) + " dimensions");
  }
  for (std::size_t d = 0; d < n; ++d) {
    if (space.n_choices[d] >= 1) continue;
    const std::string name = space.names.empty() ? std::to_string(d) : space.names[d];
    throw std::runtime_error("search space: dimension " + name + " has " +
                             std::to_string(space.n_choices[d]) + " choices, at least 1 is needed");
  }
}

}  // namespace paretune
