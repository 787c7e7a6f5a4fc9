// A finite search space: a point picks one choice per dimension, by index. What the choices stand
// for is the caller's.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace paretune {

using Point = std::vector<int>;  // one choice index per dimension

struct PointHash {
  std::size_t operator()(const Point& point) const noexcept;
};

struct Space {
  std::vector<int> n_choices;  // per dimension, each >= 1

  // Maps a point to the one that stands for all points of its meaning, or to the nearest valid one;
  // nullopt: no valid point is near. Pure, and idempotent: canonical(canonical(p)) == canonical(p).
  // Empty: every point stands for itself.
  std::function<std::optional<Point>(const Point&)> canonical;

  std::vector<std::string> names;  // per dimension, for messages; may be empty
  std::vector<bool> ordinal;       // per dimension: neighbouring indices are alike; empty: none is
};

// Points before conditions and constraints; a double, since products of choices pass 2^64.
double raw_size(const Space& space);

// One index in [0, n_choices) per dimension.
bool contains(const Space& space, const Point& point);

std::optional<Point> canonical_of(const Space& space, const Point& point);

bool is_ordinal(const Space& space, std::size_t dimension);

// Throws std::runtime_error naming the dimension where a space is malformed: no dimension, a
// dimension without choices, names or ordinal of another length than n_choices.
void check_space(const Space& space);

}  // namespace paretune
