#include "search/gaussian_process.h"

#include <gtest/gtest.h>

#include <cmath>

#include "search/rng.h"
#include "search/sobol.h"

namespace paretune {
namespace {

const Space kSpace{.n_choices = {11, 7, 3, 9}, .ordinal = {true, true, false, true}};

// Smooth along the ordinal dimensions, steps between the choices of the other; the last dimension
// does not matter.
double smooth(const Point& p) {
  return std::sin(0.3 * p[0]) + 0.05 * p[1] * p[1] / 7 + (p[2] == 1 ? 0.5 : 0);
}

std::vector<Point> design(int begin, int end) {
  std::vector<Point> points;
  for (int i = begin; i < end; ++i) points.push_back(sobol_point(kSpace, std::uint32_t(i), 3));
  return points;
}

std::vector<double> values_of(const std::vector<Point>& points) {
  std::vector<double> values;
  for (const Point& point : points) values.push_back(smooth(point));
  return values;
}

TEST(GaussianProcess, LearnsASmoothFunctionFromFewValues) {
  const std::vector<Point> seen = design(0, 40), unseen = design(40, 140);
  const GaussianProcess process(kSpace, seen, values_of(seen));
  const std::vector<Moments> moments = process.predict(unseen);
  double squares = 0;
  int covered = 0;
  for (std::size_t i = 0; i < unseen.size(); ++i) {
    const double error = moments[i].mean - smooth(unseen[i]);
    squares += error * error / double(unseen.size());
    covered += std::abs(error) <= 2 * std::sqrt(moments[i].variance);
  }
  EXPECT_LT(std::sqrt(squares), 0.05);  // the values range over 1.8
  EXPECT_GE(covered, 85);
}

TEST(GaussianProcess, FindsOutWhatDoesNotMatter) {
  const std::vector<Point> seen = design(0, 40);
  const Kernel kernel = GaussianProcess(kSpace, seen, values_of(seen)).kernel();
  EXPECT_GT(kernel.lengths[3], 3 * kernel.lengths[0]);
}

TEST(GaussianProcess, PassesThroughExactValuesAndIsSureThere) {
  const std::vector<Point> seen = design(0, 20);
  const std::vector<double> values = values_of(seen);
  const GaussianProcess process(kSpace, seen, values, true);
  const std::vector<Moments> moments = process.predict(seen);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_NEAR(moments[i].mean, values[i], 1e-4);
    EXPECT_LT(moments[i].variance, 1e-5);
  }
}

// The closed form against what it stands for: fits without the value, at the same kernel. Only the
// process's variance, estimated from one value fewer there, may differ.
TEST(GaussianProcess, LeavesOutAsRefittingDoes) {
  const std::vector<Point> points = design(0, 12);
  std::vector<double> values = values_of(points);
  values[5] += 0.4;
  const Kernel kernel{.lengths = {0.5, 1, 1, 2}, .noise = 0.05};
  const GaussianProcess all(kSpace, points, values, kernel);
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<Point> others = points;
    std::vector<double> other_values = values;
    others.erase(others.begin() + std::ptrdiff_t(i));
    other_values.erase(other_values.begin() + std::ptrdiff_t(i));
    const GaussianProcess refitted(kSpace, others, other_values, kernel);
    const Moments expected = refitted.predict(std::vector<Point>{points[i]})[0];
    EXPECT_NEAR(all.left_out()[i].mean, expected.mean, 1e-9) << i;
    const double noisy = expected.variance / refitted.noise_variance() * 0.05 + 0.05;
    EXPECT_NEAR(all.left_out()[i].variance / all.noise_variance() * 0.05, noisy, 1e-9) << i;
  }
}

// The joint of two points, from what the one says of the other once it is told.
TEST(GaussianProcess, CorrelationsAreThoseOfThePosterior) {
  const std::vector<Point> points = design(0, 10);
  const Kernel kernel{.lengths = {0.5, 1, 1, 2}, .noise = 1e-8};
  const GaussianProcess process(kSpace, points, values_of(points), kernel);
  const std::vector<Point> pair{{5, 3, 1, 4}, {6, 3, 1, 5}};
  const double correlation = process.correlations(pair)[1];
  EXPECT_GT(correlation, 0.1);
  std::vector<Point> more = points;
  more.push_back(pair[0]);
  const GaussianProcess told(kSpace, more, values_of(more), kernel);
  const double before = process.predict(pair)[1].variance / process.noise_variance(),
               after = told.predict(pair)[1].variance / told.noise_variance();
  EXPECT_NEAR(after / before, 1 - correlation * correlation, 1e-4);
  EXPECT_EQ(process.correlations(pair)[0], 1);
  EXPECT_EQ(process.correlations(pair)[2], correlation);
}

TEST(GaussianProcess, SmoothsNoise) {
  std::vector<Point> points = design(0, 60);
  std::vector<double> values = values_of(points);
  Rng rng{7};
  for (double& value : values) value += 0.2 * (rng.uniform() + rng.uniform() - 1);
  const GaussianProcess process(kSpace, points, values);
  const std::vector<Moments> moments = process.predict(points);
  double error = 0, noise = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    error += std::pow(moments[i].mean - smooth(points[i]), 2);
    noise += std::pow(values[i] - smooth(points[i]), 2);
  }
  EXPECT_LT(error, 0.7 * noise);
}

TEST(GaussianProcess, OfOneOrEqualValuesIsThatValueAndUnsure) {
  const GaussianProcess one(kSpace, std::vector<Point>{{0, 0, 0, 0}}, std::vector<double>{2.5});
  EXPECT_NEAR(one.predict(std::vector<Point>{{10, 6, 2, 8}})[0].mean, 2.5, 1e-9);
  EXPECT_GT(one.predict(std::vector<Point>{{10, 6, 2, 8}})[0].variance, 0);
  EXPECT_TRUE(std::isfinite(one.left_out()[0].mean));
  const GaussianProcess equal(kSpace, design(0, 10), std::vector<double>(10, 3.0));
  EXPECT_NEAR(equal.predict(std::vector<Point>{{10, 6, 2, 8}})[0].mean, 3, 1e-9);
}

}  // namespace
}  // namespace paretune
