// All raw points of a space once each, in mixed-radix order (the last dimension changes fastest)
// from any start, around the end to the start again. Holds one point, so the space may be of any
// size.
#pragma once

#include <functional>
#include <optional>

#include "search/space.h"

namespace paretune {

class Sweep {
 public:
  // n_choices: per dimension; start: a point of that space.
  Sweep(std::vector<int> n_choices, Point start);

  // The first point from here on for which accept returns a value, and stays there; nullopt: the
  // sweep is over. A rejected point is never looked at again.
  std::optional<Point> find(const std::function<std::optional<Point>(const Point&)>& accept);

 private:
  void advance();

  std::vector<int> n_choices_;
  Point start_, current_;
  bool done_ = false;
};

}  // namespace paretune
