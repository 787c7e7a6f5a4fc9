// The Cholesky factor of a small symmetric positive definite matrix, and what it solves: tens to
// hundreds of rows, no BLAS, no threads, so the same numbers everywhere.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace paretune {

class Cholesky {
 public:
  // matrix: (n, n), row-major; only its lower triangle is read. Where rounding leaves a pivot below
  // 1e-12 of the diagonal, that much takes its place.
  Cholesky(std::vector<double> matrix, std::size_t n);

  std::size_t size() const { return n_; }
  double log_determinant() const;                                       // of the matrix
  void solve_lower(std::span<double> x) const;                          // x becomes inverse(L) x
  std::vector<double> solve(std::span<const double> b) const;           // inverse(matrix) b
  std::vector<double> multiply_lower(std::span<const double> x) const;  // L x
  std::vector<double> inverse_factor() const;  // inverse(L): (n, n), lower triangular, row-major

 private:
  std::size_t n_;
  std::vector<double> lower_;  // (n, n), row-major; above the diagonal: whatever it was
};

}  // namespace paretune
