#include "search/forest.h"

#include <gtest/gtest.h>

#include <cmath>

#include "search/sobol.h"

namespace paretune {
namespace {

const Space kSpace{.n_choices = {8, 5, 3, 6}, .ordinal = {true, false, false, true}};

// A step along an ordinal dimension, one odd choice of a nominal one; the rest does not matter.
double cliff(const Point& point) { return (point[0] >= 4 ? 10 : 0) + (point[1] == 2 ? 5 : 0); }

std::vector<Point> design(int n) {
  std::vector<Point> points;
  for (int i = 0; i < n; ++i) points.push_back(sobol_point(kSpace, std::uint32_t(i), 3));
  return points;
}

Forest fitted(const std::vector<Point>& points, std::uint64_t seed = 1) {
  std::vector<double> values;
  for (const Point& point : points) values.push_back(cliff(point));
  return Forest(kSpace, points, values, Rng{seed});
}

TEST(Forest, LearnsCliffs) {
  const Forest forest = fitted(design(64));
  double error = 0;
  for (int i = 64; i < 164; ++i) {
    const Point point = sobol_point(kSpace, std::uint32_t(i), 3);
    error += std::abs(forest.predict(point).mean - cliff(point)) / 100;
  }
  EXPECT_LT(error, 0.5);  // the values spread over 15
}

TEST(Forest, IsLessSureWhereItKnowsLess) {
  // Seen on both sides of the step but not beside it: the cut may be anywhere between.
  std::vector<Point> points;
  for (int nominal = 0; nominal < 3; ++nominal) {
    for (int other = 0; other < 6; ++other) {
      for (int first : {0, 7}) points.push_back({first, 0, nominal, other});
    }
  }
  const Forest forest = fitted(points);
  EXPECT_LT(forest.predict({0, 0, 0, 0}).mean,
            2);  // a few trees do not look at the first dimension in time
  EXPECT_GT(forest.predict({7, 0, 0, 0}).mean, 8);
  EXPECT_GT(forest.predict({4, 0, 0, 0}).variance, forest.predict({0, 0, 0, 0}).variance + 1);
}

TEST(Forest, OfOneOrEqualValuesIsThatValue) {
  const Forest one(kSpace, std::vector<Point>{{0, 0, 0, 0}}, std::vector<double>{2.5}, Rng{1});
  EXPECT_EQ(one.predict({7, 4, 2, 5}).mean, 2.5);
  EXPECT_EQ(one.predict({7, 4, 2, 5}).variance, 0);
  const Forest equal(kSpace, design(10), std::vector<double>(10, 3.0), Rng{1});
  EXPECT_EQ(equal.predict({7, 4, 2, 5}).mean, 3);
}

// The error on values that trees were not shown is that on points nobody has seen.
TEST(Forest, OutOfBagErrorIsThatOnUnseenPoints) {
  const std::vector<Point> points = design(64);
  std::vector<double> values;
  Rng noise{4};
  for (const Point& point : points) values.push_back(cliff(point) + 4 * noise.uniform());
  const Forest forest(kSpace, points, values, Rng{1});
  double out_of_bag = 0, in_bag = 0, unseen = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    out_of_bag += std::pow(forest.out_of_bag()[i] - values[i], 2) / 64;
    in_bag += std::pow(forest.predict(points[i]).mean - values[i], 2) / 64;
    const Point point = sobol_point(kSpace, std::uint32_t(64 + i), 3);
    unseen += std::pow(forest.predict(point).mean - cliff(point) - 4 * noise.uniform(), 2) / 64;
  }
  EXPECT_GT(out_of_bag, 1.5 * in_bag);
  EXPECT_NEAR(out_of_bag / unseen, 1, 0.35);
}

TEST(Forest, SameSeedSameForest) {
  const auto points = design(32);
  const Point probe{3, 1, 2, 4};
  EXPECT_EQ(fitted(points, 5).predict(probe).mean, fitted(points, 5).predict(probe).mean);
  EXPECT_NE(fitted(points, 5).predict(probe).mean, fitted(points, 6).predict(probe).mean);
}

}  // namespace
}  // namespace paretune
