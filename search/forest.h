// A random forest over choice indices: regression with an uncertainty, for spaces with cliffs and
// for dozens to thousands of trials. Ordinal dimensions split by threshold, others one choice
// against the rest.
//
// Breiman 2001, doi:10.1023/A:1010933404324; the variance is SMAC's (Hutter et al. 2014,
// doi:10.1016/j.artint.2013.10.003, section 4.3.2): that of the trees' means plus the mean of the
// leaves' variances.
#pragma once

#include <span>
#include <vector>

#include "search/moments.h"
#include "search/rng.h"
#include "search/space.h"

namespace paretune {

class Forest {
 public:
  // points: not empty, each with its value.
  Forest(const Space& space, std::span<const Point> points, std::span<const double> values,
         Rng rng);

  Moments predict(const Point& point) const;

  // Per value: the mean of the trees that were not shown it; NaN where all were.
  const std::vector<double>& out_of_bag() const { return out_of_bag_; }

 private:
  struct Node {
    int dimension = -1;        // -1: a leaf
    int first = 0, last = -1;  // goes left: the choices from first to last
    int children[2] = {0, 0};  // right, left: indices into nodes_
    Moments leaf;
  };
  struct Data;
  struct Split;

  int grow(const Data& data, std::span<int> rows, Rng& rng);  // returns the node's index
  Split best_split(const Data& data, std::span<const int> rows, Rng& rng) const;
  static bool goes_left(const Node& node, const Point& point);
  const Moments& leaf_of(int root, const Point& point) const;

  std::vector<int> n_choices_;
  std::vector<bool> ordinal_;
  std::vector<Node> nodes_;  // of all trees
  std::vector<int> roots_;
  std::vector<double> out_of_bag_;
};

}  // namespace paretune
