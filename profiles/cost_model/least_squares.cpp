#include "profiles/cost_model/least_squares.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace paretune {

void NormalEquations::add(std::span<const double> x, double y, double weight) {
  assert(x.size() == n_);
  for (std::size_t i = 0; i < n_; ++i) {
    if (x[i] == 0) continue;
    for (std::size_t j = 0; j < n_; ++j) gram_[i * n_ + j] += weight * x[i] * x[j];
    moment_[i] += weight * x[i] * y;
  }
}

NormalEquations& NormalEquations::operator+=(const NormalEquations& other) {
  for (std::size_t i = 0; i < gram_.size(); ++i) gram_[i] += other.gram_[i];
  for (std::size_t i = 0; i < n_; ++i) moment_[i] += other.moment_[i];
  return *this;
}

NormalEquations& NormalEquations::operator-=(const NormalEquations& other) {
  for (std::size_t i = 0; i < gram_.size(); ++i) gram_[i] -= other.gram_[i];
  for (std::size_t i = 0; i < n_; ++i) moment_[i] -= other.moment_[i];
  return *this;
}

// Cholesky; an unknown that the others before it determine stays 0.
std::vector<double> NormalEquations::solve(const std::vector<std::size_t>& chosen,
                                           double added) const {
  const std::size_t m = chosen.size();
  std::vector<double> l(m * m), z(m);
  std::vector<bool> redundant(m);
  for (std::size_t j = 0; j < m; ++j) {
    const double whole = gram_[chosen[j] * n_ + chosen[j]] + added;
    double pivot = whole;
    for (std::size_t k = 0; k < j; ++k) pivot -= l[j * m + k] * l[j * m + k];
    redundant[j] = !(pivot > 1e-12 * whole);
    if (redundant[j]) continue;
    l[j * m + j] = std::sqrt(pivot);
    for (std::size_t i = j + 1; i < m; ++i) {
      double sum = gram_[chosen[i] * n_ + chosen[j]];
      for (std::size_t k = 0; k < j; ++k) sum -= l[i * m + k] * l[j * m + k];
      l[i * m + j] = sum / l[j * m + j];
    }
  }
  for (std::size_t i = 0; i < m; ++i) {
    if (redundant[i]) continue;
    double sum = moment_[chosen[i]];
    for (std::size_t k = 0; k < i; ++k) sum -= l[i * m + k] * z[k];
    z[i] = sum / l[i * m + i];
  }
  std::vector<double> b(n_);
  for (std::size_t i = m; i-- > 0;) {
    if (redundant[i]) continue;
    double sum = z[i];
    for (std::size_t k = i + 1; k < m; ++k) sum -= l[k * m + i] * b[chosen[k]];
    b[chosen[i]] = sum / l[i * m + i];
  }
  return b;
}

std::vector<double> NormalEquations::ridge(double lambda) const {
  std::vector<std::size_t> all(n_);
  for (std::size_t i = 0; i < n_; ++i) all[i] = i;
  return solve(all, lambda * lambda);
}

std::vector<double> NormalEquations::non_negative() const {
  std::vector<double> b(n_);
  std::vector<bool> barred(n_);  // entered, and had to leave at once
  std::vector<std::size_t> passive;
  const auto drop_non_positive = [&] {
    std::erase_if(passive, [&](std::size_t i) { return b[i] <= 0; });
  };
  for (std::size_t round = 0; round < 10 * n_ + 10; ++round) {
    // The unknown at 0 whose growth lowers the error most, in its own scale.
    std::size_t enter = n_;
    double steepest = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      const double own = gram_[i * n_ + i];
      if (own <= 0 || barred[i] || std::ranges::find(passive, i) != passive.end()) continue;
      double gradient = moment_[i], size = std::fabs(moment_[i]);
      for (std::size_t j = 0; j < n_; ++j) {
        gradient -= gram_[i * n_ + j] * b[j];
        size += std::fabs(gram_[i * n_ + j] * b[j]);
      }
      if (gradient > 1e-10 * size && gradient / std::sqrt(own) > steepest) {
        enter = i;
        steepest = gradient / std::sqrt(own);
      }
    }
    if (enter == n_) break;
    passive.push_back(enter);
    for (bool first = true;; first = false) {
      const std::vector<double> wanted = solve(passive, 0);
      if (first && wanted[enter] <= 0) {
        barred[enter] = true;
        passive.pop_back();
        break;
      }
      // As far towards `wanted` as all stay positive.
      double step = 1;
      for (const std::size_t i : passive) {
        if (wanted[i] <= 0) step = std::min(step, b[i] / std::max(b[i] - wanted[i], 1e-300));
      }
      for (const std::size_t i : passive) {
        b[i] += step * (wanted[i] - b[i]);
        if (wanted[i] <= 0 && b[i] <= 1e-300) b[i] = 0;
      }
      if (step >= 1) {
        barred.assign(n_, false);
        break;
      }
      const std::size_t before = passive.size();
      drop_non_positive();
      if (passive.size() == before) {  // rounding kept the blocking one above 0
        const auto least = std::ranges::min_element(passive, {}, [&](auto i) { return wanted[i]; });
        b[*least] = 0;
        passive.erase(least);
      }
    }
  }
  return b;
}

}  // namespace paretune
