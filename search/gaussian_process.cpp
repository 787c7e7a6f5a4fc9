#include "search/gaussian_process.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "search/cholesky.h"

namespace paretune {
namespace {

// Values are expected to range over about 1: a process of one value, or of equal ones, is still
// unsure by a tenth of that.
constexpr double kPriorVariance = 0.01, kPriorWeight = 2;  // worth so many values

constexpr std::size_t kBlock = 64;  // points predicted at once: the inner loops run over them

// exp(-x) for x in [0, 700], to 1e-9 of the value. Without branches and calls, so that compilers
// turn a loop of it into vector instructions: most of the time of a prediction goes here.
double exp_minus(double x) {
  constexpr double kRound = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
  const double shifted = -x * std::numbers::log2e + kRound;
  const double r = -x - (shifted - kRound) * std::numbers::ln2;  // in [-ln2 / 2, ln2 / 2]
  double sum = 1.0 / 40320;                                      // Taylor
  for (double c : {1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0})
    sum = sum * r + c;
  const auto power = (std::bit_cast<std::uint64_t>(shifted) + 1023) << 52;
  return sum * std::bit_cast<double>(power);
}

// Matern-5/2, in place.
void correlate(std::span<double> squared_distances) {
  for (double& value : squared_distances) {
    const double r = std::sqrt(5 * value);
    value = (1 + r + r * r / 3) * exp_minus(std::min(r, 700.0));
  }
}

double squared_difference(const Space& space, std::size_t dimension, int a, int b) {
  if (!is_ordinal(space, dimension)) return a != b;
  const double difference = double(a - b) / std::max(space.n_choices[dimension] - 1, 1);
  return difference * difference;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Of the values under a kernel matrix whose Cholesky factor is given: the mean by generalized least
// squares and the process's variance.
struct Level {
  double mean, variance;
};

Level level_of(std::span<const double> whitened, std::span<const double> whitened_ones) {
  const double mean = dot(whitened, whitened_ones) / dot(whitened_ones, whitened_ones);
  double squares = 0;
  for (std::size_t i = 0; i < whitened.size(); ++i) {
    const double rest = whitened[i] - mean * whitened_ones[i];
    squares += rest * rest;
  }
  return {mean,
          (squares + kPriorWeight * kPriorVariance) / (double(whitened.size()) + kPriorWeight)};
}

// Climbs from one kernel to the next by one step of one hyperparameter.
class KernelSearch {
 public:
  KernelSearch(const Space& space, std::span<const Point> points, std::span<const double> values,
               bool exact);

  Kernel best();

 private:
  // Choices on a log scale: each step is a factor of 1.6 (lengths) or 4 (noise).
  static constexpr int kLengthSteps = 13, kNoiseSteps = 10;
  static double length(int step) { return 0.06 * std::pow(1.6, step); }                // 0.06 to 17
  double noise(int step) const { return exact_ ? 1e-8 : 1e-6 * std::pow(4.0, step); }  // to 0.26

  void refill();  // squares_ from steps_
  double log_posterior(std::span<const double> squares) const;
  bool climb(std::size_t dimension);
  bool climb_noise();

  std::size_t n_, n_dimensions_;
  bool exact_;
  std::vector<double> values_;
  std::vector<bool> varies_;                      // per dimension: not all points alike
  std::vector<std::vector<double>> differences_;  // per dimension: (n, n) squared, lower triangle
  std::vector<int> steps_;
  int noise_step_ = 4;
  std::vector<double> squares_;  // (n, n): of the distance, lower triangle
  double score_ = 0;
};

KernelSearch::KernelSearch(const Space& space, std::span<const Point> points,
                           std::span<const double> values, bool exact)
    : n_(points.size()),
      n_dimensions_(space.n_choices.size()),
      exact_(exact),
      values_(values.begin(), values.end()),
      steps_(n_dimensions_, 5),
      squares_(n_ * n_) {
  for (std::size_t d = 0; d < n_dimensions_; ++d) {
    std::vector<double>& of_one = differences_.emplace_back(n_ * n_);
    bool varies = false;
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        of_one[i * n_ + k] = squared_difference(space, d, points[i][d], points[k][d]);
        varies |= points[i][d] != points[k][d];
      }
    }
    varies_.push_back(varies);
  }
}

void KernelSearch::refill() {
  std::ranges::fill(squares_, 0.0);
  for (std::size_t d = 0; d < n_dimensions_; ++d) {
    if (!varies_[d]) continue;
    const double weight = 1 / (length(steps_[d]) * length(steps_[d]));
    for (std::size_t i = 0; i < squares_.size(); ++i) squares_[i] += weight * differences_[d][i];
  }
}

double KernelSearch::log_posterior(std::span<const double> squares) const {
  std::vector<double> matrix(squares.begin(), squares.end());
  for (std::size_t i = 0; i < n_; ++i) {
    correlate(std::span(matrix).subspan(i * n_, i));
    matrix[i * n_ + i] = 1 + noise(noise_step_);
  }
  const Cholesky factor(std::move(matrix), n_);
  std::vector<double> whitened = values_, ones(n_, 1.0);
  factor.solve_lower(whitened);
  factor.solve_lower(ones);
  double log_density =
      -0.5 * factor.log_determinant() -
      0.5 * (double(n_) + kPriorWeight) * std::log(level_of(whitened, ones).variance);
  // Beliefs before any trial: lengths about the range, little noise.
  for (std::size_t d = 0; d < n_dimensions_; ++d) {
    const double z = std::log(length(steps_[d]) / 0.7);
    if (varies_[d]) log_density -= 0.5 * z * z;
  }
  const double z = std::log(noise(noise_step_) / 1e-3) / 2;
  return log_density - 0.5 * z * z;
}

bool KernelSearch::climb(std::size_t dimension) {
  bool climbed = false;
  std::vector<double> squares(squares_.size());
  for (int direction : {-1, 1}) {
    for (int length_of_climb = 0;; ++length_of_climb) {
      const int from = steps_[dimension], to = from + direction;
      if (to < 0 || to >= kLengthSteps) break;
      const double change = 1 / (length(to) * length(to)) - 1 / (length(from) * length(from));
      for (std::size_t i = 0; i < squares.size(); ++i)
        squares[i] = std::max(squares_[i] + change * differences_[dimension][i], 0.0);
      steps_[dimension] = to;
      const double score = log_posterior(squares);
      if (score <= score_) {
        steps_[dimension] = from;
        break;
      }
      score_ = score;
      squares_.swap(squares);
      climbed = true;
    }
    if (climbed) break;  // the other way leads back
  }
  return climbed;
}

bool KernelSearch::climb_noise() {
  bool climbed = false;
  for (int direction : {-1, 1}) {
    for (;;) {
      const int from = noise_step_;
      noise_step_ += direction;
      double score;
      if (noise_step_ < 0 || noise_step_ >= kNoiseSteps ||
          (score = log_posterior(squares_)) <= score_) {
        noise_step_ = from;
        break;
      }
      score_ = score;
      climbed = true;
    }
    if (climbed) break;
  }
  return climbed;
}

Kernel KernelSearch::best() {
  int best_step = 5;
  double best_score = -INFINITY;
  for (int step : {2, 5, 7}) {
    std::ranges::fill(steps_, step);
    refill();
    const double score = log_posterior(squares_);
    if (score > best_score) {
      best_score = score;
      best_step = step;
    }
  }
  std::ranges::fill(steps_, best_step);
  refill();
  score_ = best_score;
  constexpr int kRounds = 2;  // a third moves little
  bool climbed = true;
  for (int round = 0; round < kRounds && climbed; ++round) {
    climbed = !exact_ && climb_noise();
    for (std::size_t d = 0; d < n_dimensions_; ++d) climbed |= varies_[d] && climb(d);
  }
  Kernel kernel{.noise = noise(noise_step_)};
  for (int step : steps_) kernel.lengths.push_back(length(step));
  return kernel;
}

// Kernels are chosen on at most so many values, those at even steps: the choice takes some 60
// Cholesky factors.
constexpr std::size_t kSearched = 80;

Kernel choose_kernel(const Space& space, std::span<const Point> points,
                     std::span<const double> values, bool exact) {
  if (points.size() <= kSearched) return KernelSearch(space, points, values, exact).best();
  std::vector<Point> some_points;
  std::vector<double> some_values;
  for (std::size_t i = 0; i < kSearched; ++i) {
    const std::size_t at = i * points.size() / kSearched;
    some_points.push_back(points[at]);
    some_values.push_back(values[at]);
  }
  return KernelSearch(space, some_points, some_values, exact).best();
}

}  // namespace

GaussianProcess::GaussianProcess(const Space& space, std::span<const Point> points,
                                 std::span<const double> values, bool exact)
    : GaussianProcess(space, points, values, choose_kernel(space, points, values, exact)) {}

GaussianProcess::GaussianProcess(const Space& space, std::span<const Point> points,
                                 std::span<const double> values, Kernel kernel)
    : space_{.n_choices = space.n_choices, .ordinal = space.ordinal},
      points_(points.begin(), points.end()),
      kernel_(std::move(kernel)) {
  assert(!points.empty() && points.size() == values.size());
  assert(kernel_.lengths.size() == space.n_choices.size());
  fit(values);
}

std::vector<double> GaussianProcess::scaled_squares(std::size_t dimension) const {
  const int n = space_.n_choices[dimension];
  const double weight = 1 / (kernel_.lengths[dimension] * kernel_.lengths[dimension]);
  std::vector<double> squares;
  for (int a = 0; a < n; ++a) {
    for (int b = 0; b < n; ++b)
      squares.push_back(weight * squared_difference(space_, dimension, a, b));
  }
  return squares;
}

void GaussianProcess::fit(std::span<const double> values) {
  const std::size_t n = points_.size();
  std::vector<double> matrix(n * n);
  for (std::size_t d = 0; d < space_.n_choices.size(); ++d) {
    const std::vector<double> squares = scaled_squares(d);
    for (std::size_t i = 0; i < n; ++i) {
      const double* row = &squares[std::size_t(points_[i][d] * space_.n_choices[d])];
      for (std::size_t k = 0; k < i; ++k) matrix[i * n + k] += row[points_[k][d]];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    correlate(std::span(matrix).subspan(i * n, i));
    matrix[i * n + i] = 1 + kernel_.noise;
  }
  const Cholesky factor(std::move(matrix), n);
  std::vector<double> whitened(values.begin(), values.end());
  whitened_ones_.assign(n, 1.0);
  factor.solve_lower(whitened);
  factor.solve_lower(whitened_ones_);
  ones_ = dot(whitened_ones_, whitened_ones_);
  const Level level = level_of(whitened, whitened_ones_);
  mean_ = level.mean;
  variance_ = level.variance;
  std::vector<double> centered;
  for (double value : values) centered.push_back(value - mean_);
  weights_ = factor.solve(centered);
  inverse_factor_ = factor.inverse_factor();

  // The inverse of K bordered by the unknown mean: Q = inverse(K) - u u' / ones, u = inverse(K) 1.
  // Leaving out value i errs by (Q y)_i / Q_ii, and Q y = inverse(K) (y - mean).
  const std::vector<double> u = factor.solve(std::vector<double>(n, 1.0));
  for (std::size_t i = 0; i < n; ++i) {
    double diagonal = -u[i] * u[i] / ones_;
    for (std::size_t k = i; k < n; ++k)
      diagonal += inverse_factor_[k * n + i] * inverse_factor_[k * n + i];
    if (diagonal > 1e-9) {
      left_out_.push_back({values[i] - weights_[i] / diagonal, variance_ / diagonal});
    } else {
      left_out_.push_back({mean_, variance_ * (1 + kernel_.noise)});  // the only value
    }
  }
}

std::vector<double> GaussianProcess::correlations(std::span<const Point> points) const {
  const std::size_t n = points_.size(), n_points = points.size();
  const auto squared_distance = [&](const std::vector<std::vector<double>>& squares, const Point& a,
                                    const Point& b) {
    double sum = 0;
    for (std::size_t d = 0; d < a.size(); ++d)
      sum += squares[d][std::size_t(a[d] * space_.n_choices[d] + b[d])];
    return sum;
  };
  std::vector<std::vector<double>> squares;
  for (std::size_t d = 0; d < space_.n_choices.size(); ++d) squares.push_back(scaled_squares(d));

  // Per point: inverse(L) k, and what the unknown mean adds.
  std::vector<double> whitened(n_points * n), rest(n_points, 1.0);
  for (std::size_t p = 0; p < n_points; ++p) {
    std::vector<double> kernel;
    for (const Point& seen : points_) kernel.push_back(squared_distance(squares, seen, points[p]));
    correlate(kernel);
    for (std::size_t i = 0; i < n; ++i) {
      double& w = whitened[p * n + i];
      for (std::size_t k = 0; k <= i; ++k) w += inverse_factor_[i * n + k] * kernel[k];
      rest[p] -= w * whitened_ones_[i];
    }
  }
  std::vector<double> covariances(n_points * n_points);
  for (std::size_t p = 0; p < n_points; ++p) {
    const std::span row(&covariances[p * n_points], p + 1);
    for (std::size_t q = 0; q <= p; ++q) row[q] = squared_distance(squares, points[p], points[q]);
    correlate(row);
    for (std::size_t q = 0; q <= p; ++q) {
      row[q] += rest[p] * rest[q] / ones_;
      for (std::size_t i = 0; i < n; ++i) row[q] -= whitened[p * n + i] * whitened[q * n + i];
    }
  }
  std::vector<double> correlations(n_points * n_points);
  for (std::size_t p = 0; p < n_points; ++p) {
    correlations[p * n_points + p] = 1;
    for (std::size_t q = 0; q < p; ++q) {
      const double variances = covariances[p * n_points + p] * covariances[q * n_points + q];
      if (variances <= 1e-16) continue;
      const double correlation = covariances[p * n_points + q] / std::sqrt(variances);
      correlations[p * n_points + q] = correlations[q * n_points + p] =
          std::clamp(correlation, -1.0, 1.0);
    }
  }
  return correlations;
}

std::vector<Moments> GaussianProcess::predict(std::span<const Point> points) const {
  const std::size_t n = points_.size();
  std::vector<std::vector<double>> squares;
  for (std::size_t d = 0; d < space_.n_choices.size(); ++d) squares.push_back(scaled_squares(d));
  std::vector<double> kernel(n * kBlock);  // (trial, point of the block)
  std::vector<Moments> moments;
  moments.reserve(points.size());
  for (std::size_t begin = 0; begin < points.size(); begin += kBlock) {
    const auto block = points.subspan(begin, std::min(kBlock, points.size() - begin));
    std::ranges::fill(kernel, 0.0);
    for (std::size_t d = 0; d < squares.size(); ++d) {
      for (std::size_t i = 0; i < n; ++i) {
        const double* row = &squares[d][std::size_t(points_[i][d] * space_.n_choices[d])];
        for (std::size_t b = 0; b < block.size(); ++b) kernel[i * kBlock + b] += row[block[b][d]];
      }
    }
    correlate(kernel);

    std::array<double, kBlock> means, explained{}, ones{};
    means.fill(mean_);
    for (std::size_t i = 0; i < n; ++i) {
      std::array<double, kBlock> whitened{};
      for (std::size_t k = 0; k <= i; ++k) {
        const double factor = inverse_factor_[i * n + k];
        const double* row = &kernel[k * kBlock];
        for (std::size_t b = 0; b < kBlock; ++b) whitened[b] += factor * row[b];
      }
      const double* row = &kernel[i * kBlock];
      for (std::size_t b = 0; b < kBlock; ++b) {
        means[b] += weights_[i] * row[b];
        explained[b] += whitened[b] * whitened[b];
        ones[b] += whitened_ones_[i] * whitened[b];
      }
    }
    for (std::size_t b = 0; b < block.size(); ++b) {
      const double unexplained = 1 - explained[b] + (1 - ones[b]) * (1 - ones[b]) / ones_;
      moments.push_back({means[b], variance_ * std::max(unexplained, 0.0)});
    }
  }
  return moments;
}

}  // namespace paretune
