// A Gaussian process over choice indices: smooth where the scores are, exact in its uncertainty,
// for up to a few hundred trials.
//
// Kernel: Matern-5/2 of the distance sum_d ((x_d - y_d) / length_d)^2, an ordinal dimension scaled
// to [0, 1], the choices of another 0 or 1 apart. The mean is an unknown constant (ordinary
// kriging), so nothing is said about where the scores lie. Rasmussen and Williams 2006, chapters 2
// and 5; leave-one-out in closed form: Dubrule 1983, doi:10.1007/BF01033242.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "search/moments.h"
#include "search/space.h"

namespace paretune {

struct Kernel {
  std::vector<double> lengths;  // per dimension, > 0
  double noise = 0;             // variance of a value's noise, as a share of the process's variance
};

class GaussianProcess {
 public:
  // points: not empty, each with its value. The first chooses the kernel of the highest posterior
  // density; exact: the values carry no noise.
  GaussianProcess(const Space& space, std::span<const Point> points, std::span<const double> values,
                  bool exact = false);
  GaussianProcess(const Space& space, std::span<const Point> points, std::span<const double> values,
                  Kernel kernel);

  // Of the value without its noise.
  std::vector<Moments> predict(std::span<const Point> points) const;

  // (n, n), row-major: of what is uncertain at n points, once the values are known. 1 on the
  // diagonal, and where a point is certain 0 beside it.
  std::vector<double> correlations(std::span<const Point> points) const;

  // Per value: what the process foretells of it, its noise included, when it is left out.
  const std::vector<Moments>& left_out() const { return left_out_; }

  const Kernel& kernel() const { return kernel_; }
  double noise_variance() const { return kernel_.noise * variance_; }

 private:
  void fit(std::span<const double> values);

  // Distances of choices a and b of a dimension, squared and over the length squared: at
  // [a * n_choices + b].
  std::vector<double> scaled_squares(std::size_t dimension) const;

  Space space_;
  std::vector<Point> points_;
  Kernel kernel_;
  double mean_ = 0, variance_ = 0;      // of the process
  std::vector<double> weights_;         // inverse(K) (values - mean)
  std::vector<double> inverse_factor_;  // of K's Cholesky factor
  std::vector<double> whitened_ones_;   // inverse_factor 1
  double ones_ = 0;                     // its squared length: 1' inverse(K) 1
  std::vector<Moments> left_out_;
};

}  // namespace paretune
