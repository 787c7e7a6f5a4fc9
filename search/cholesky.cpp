#include "search/cholesky.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace paretune {

Cholesky::Cholesky(std::vector<double> matrix, std::size_t n) : n_(n), lower_(std::move(matrix)) {
  assert(lower_.size() == n * n);
  // Column by column, so that the inner loop is one that compilers turn into vector instructions.
  std::vector<double> column(n), least(n);
  for (std::size_t i = 0; i < n; ++i) least[i] = 1e-12 * std::max(lower_[i * n + i], 1e-300);
  for (std::size_t k = 0; k < n; ++k) {
    const double pivot = std::sqrt(std::max(lower_[k * n + k], least[k]));
    lower_[k * n + k] = pivot;
    for (std::size_t i = k + 1; i < n; ++i) {
      lower_[i * n + k] /= pivot;
      column[i] = lower_[i * n + k];
      double* row = &lower_[i * n];
      const double factor = column[i];
      for (std::size_t j = k + 1; j <= i; ++j) row[j] -= factor * column[j];
    }
  }
}

double Cholesky::log_determinant() const {
  double sum = 0;
  for (std::size_t i = 0; i < n_; ++i) sum += 2 * std::log(lower_[i * n_ + i]);
  return sum;
}

void Cholesky::solve_lower(std::span<double> x) const {
  for (std::size_t i = 0; i < n_; ++i) {
    const double* row = &lower_[i * n_];
    for (std::size_t k = 0; k < i; ++k) x[i] -= row[k] * x[k];
    x[i] /= row[i];
  }
}

std::vector<double> Cholesky::solve(std::span<const double> b) const {
  std::vector<double> x(b.begin(), b.end());
  solve_lower(x);
  for (std::size_t i = n_; i-- > 0;) {
    x[i] /= lower_[i * n_ + i];
    for (std::size_t k = 0; k < i; ++k) x[k] -= lower_[i * n_ + k] * x[i];
  }
  return x;
}

std::vector<double> Cholesky::multiply_lower(std::span<const double> x) const {
  std::vector<double> product(n_);
  for (std::size_t i = 0; i < n_; ++i) {
    for (std::size_t k = 0; k <= i; ++k) product[i] += lower_[i * n_ + k] * x[k];
  }
  return product;
}

std::vector<double> Cholesky::inverse_factor() const {
  std::vector<double> inverse(n_ * n_, 0.0);
  for (std::size_t i = 0; i < n_; ++i) {
    const double* row = &lower_[i * n_];
    double* out = &inverse[i * n_];
    for (std::size_t k = 0; k < i; ++k) {
      const double* solved = &inverse[k * n_];
      for (std::size_t j = 0; j <= k; ++j) out[j] -= row[k] * solved[j];
    }
    for (std::size_t j = 0; j < i; ++j) out[j] /= row[i];
    out[i] = 1 / row[i];
  }
  return inverse;
}

}  // namespace paretune
