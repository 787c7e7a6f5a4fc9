// Small least-squares problems, given by their normal equations: gram = XᵀX (n, n) row-major,
// moment = Xᵀy (n). So that what one group of rows contributes can be taken away again.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace paretune {

class NormalEquations {
 public:
  explicit NormalEquations(std::size_t n) : n_(n), gram_(n * n), moment_(n) {}
  std::size_t size() const { return n_; }

  void add(std::span<const double> x, double y, double weight = 1);  // x: (n)
  NormalEquations& operator+=(const NormalEquations& other);
  NormalEquations& operator-=(const NormalEquations& other);

  // argmin |Xb - y|² + |lambda * b|²; lambda > 0 where X may lack rank.
  std::vector<double> ridge(double lambda) const;
  // argmin |Xb - y|² over b >= 0 (Lawson and Hanson, Solving Least Squares Problems, chapter 23).
  std::vector<double> non_negative() const;

 private:
  // Of the chosen unknowns alone; the others are 0.
  std::vector<double> solve(const std::vector<std::size_t>& chosen, double added) const;

  std::size_t n_;
  std::vector<double> gram_, moment_;
};

}  // namespace paretune
