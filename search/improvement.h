// Expected hypervolume improvement, exact: what a trial with independent normal scores adds to a
// front on average.
//
// What the front leaves undominated below the reference is cut into boxes, slab by slab (Yang,
// Emmerich, Deutz, Bäck 2019, arXiv:1904.12672). In a box [l, u] the expected gain is the product
// over objectives of g(u) - g(l), where g(t) = E max(t - Y, 0). With n points and m objectives
// there are O(n^(m-1)) boxes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "search/forest.h"
#include "search/strategy.h"

namespace paretune {

class Improvement {
 public:
  Improvement(std::span<const Scores> front, const Scores& reference);

  // moments: one per objective. 0 where improvement is impossible.
  double expected(std::span<const Moments> moments) const;

 private:
  struct Side {
    int low, high;  // into levels_; low -1: unbounded
  };
  using Box = std::vector<Side>;  // one side per objective

  std::vector<Box> cut(std::vector<Scores> points, std::size_t n_objectives) const;

  std::vector<std::vector<double>>
      levels_;  // per objective: the coordinates where boxes end, ascending
  std::vector<Box> boxes_;
};

}  // namespace paretune
