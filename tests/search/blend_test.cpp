#include "search/blend.h"

#include <gtest/gtest.h>

#include <cmath>

#include "search/sobol.h"

namespace paretune {
namespace {

const Space kSpace{.n_choices = {16, 8, 4, 8}, .ordinal = {true, true, false, true}};

double smooth(const Point& p) { return 0.4 + 0.3 * std::sin(0.4 * p[0]) + 0.02 * p[1]; }

// No point tells anything about its neighbours.
double rough(const Point& p) { return Rng{PointHash{}(p)}.uniform(); }

std::vector<Point> design(int begin, int end) {
  std::vector<Point> points;
  for (int i = begin; i < end; ++i) points.push_back(sobol_point(kSpace, std::uint32_t(i), 3));
  return points;
}

std::vector<double> values_of(const std::vector<Point>& points, double (*f)(const Point&)) {
  std::vector<double> values;
  for (const Point& point : points) values.push_back(f(point));
  return values;
}

double weight_with_prior(const Blend& blend) {
  double sum = 0;
  for (const Blend::Member& member : blend.members()) {
    if (member.name.ends_with("+prior")) sum += member.weight;
  }
  return sum;
}

double error_of(const Blend& blend, const std::vector<Point>& points, const Priors& priors,
                double (*f)(const Point&)) {
  const std::vector<Moments> moments = blend.predict(points, priors);
  double squares = 0;
  for (std::size_t i = 0; i < points.size(); ++i)
    squares += std::pow(moments[i].mean - f(points[i]), 2) / double(points.size());
  return std::sqrt(squares);
}

const std::vector<Point> kSeen = design(0, 30), kUnseen = design(30, 230);

Priors prior_values(const std::vector<Point>& points, double (*f)(const Point&)) {
  return values_of(points, f);
}

TEST(Blend, WeightsSumToOneAndFollowTheErrors) {
  const Blend blend(kSpace, kSeen, values_of(kSeen, smooth), prior_values(kSeen, smooth), false,
                    Rng{1});
  double sum = 0;
  ASSERT_EQ(blend.members().size(), 4u);
  for (const Blend::Member& a : blend.members()) {
    sum += a.weight;
    for (const Blend::Member& b : blend.members()) {
      EXPECT_TRUE(a.error >= b.error || a.weight >= b.weight) << a.name << ' ' << b.name;
    }
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(Blend, LeavesTheSmoothToTheProcess) {
  const Blend blend(kSpace, kSeen, values_of(kSeen, smooth), {}, false, Rng{1});
  ASSERT_EQ(blend.members().size(), 2u);
  EXPECT_EQ(blend.members()[0].name, "process");
  EXPECT_GT(blend.members()[0].weight, 0.9);
}

// Biased by a factor and an offset, it still says all there is to say.
double biased(const Point& p) { return 0.7 * rough(p) + 0.2; }
double inverted(const Point& p) { return 1 - rough(p); }
double unrelated(const Point& p) { return Rng{1, PointHash{}(p)}.uniform(); }

TEST(Blend, BelievesAPriorThatIsBorneOut) {
  const std::vector<double> values = values_of(kSeen, rough);
  const Blend without(kSpace, kSeen, values, {}, false, Rng{1}),
      with(kSpace, kSeen, values, prior_values(kSeen, biased), false, Rng{1});
  EXPECT_GT(weight_with_prior(with), 0.95);
  EXPECT_LT(error_of(with, kUnseen, prior_values(kUnseen, biased), rough), 0.1);
  EXPECT_GT(error_of(without, kUnseen, {}, rough), 0.25);
}

TEST(Blend, IsNoWorseForAPriorThatIsWrong) {
  const std::vector<double> values = values_of(kSeen, smooth);
  const double without =
      error_of(Blend(kSpace, kSeen, values, {}, false, Rng{1}), kUnseen, {}, smooth);
  const Blend with(kSpace, kSeen, values, prior_values(kSeen, unrelated), false, Rng{1});
  EXPECT_LT(error_of(with, kUnseen, prior_values(kUnseen, unrelated), smooth), 1.5 * without);
}

TEST(Blend, TurnsAnInvertedPriorAround) {
  const Blend blend(kSpace, kSeen, values_of(kSeen, rough), prior_values(kSeen, inverted), false,
                    Rng{1});
  EXPECT_LT(error_of(blend, kUnseen, prior_values(kUnseen, inverted), rough), 0.15);
}

TEST(Blend, TakesAPriorThatKnowsOnlySomePoints) {
  Priors some = prior_values(kSeen, biased);
  for (std::size_t i = 0; i < some.size(); i += 3) some[i] = NAN;
  const Blend blend(kSpace, kSeen, values_of(kSeen, rough), some, false, Rng{1});
  for (const Moments& m : blend.predict(kSeen, some)) {
    EXPECT_TRUE(std::isfinite(m.mean));
    EXPECT_GE(m.variance, 0);
  }
  const Blend none(kSpace, kSeen, values_of(kSeen, rough), Priors(kSeen.size(), NAN), false,
                   Rng{1});
  EXPECT_EQ(none.members().size(), 2u);
}

TEST(Blend, DenoisesOnlyWhatMayBeNoisy) {
  const std::vector<Point> points = design(0, 80);
  const std::vector<double> honest = values_of(points, smooth);
  std::vector<double> values = honest;
  Rng rng{5};
  for (double& value : values) value += 0.15 * (rng.uniform() + rng.uniform() - 1);
  const std::vector<double> denoised = Blend(kSpace, points, values, {}, false, Rng{1}).denoised();
  double before = 0, after = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    before += std::pow(values[i] - honest[i], 2);
    after += std::pow(denoised[i] - honest[i], 2);
  }
  EXPECT_LT(after, 0.7 * before);
  EXPECT_EQ(Blend(kSpace, points, values, {}, true, Rng{1}).denoised(), values);
}

TEST(Blend, OneValueIsEnough) {
  const std::vector<Point> one{{0, 0, 0, 0}};
  const Blend blend(kSpace, one, std::vector<double>{0.5}, {0.4}, false, Rng{1});
  const Moments moments = blend.predict(one, {0.4})[0];
  EXPECT_NEAR(moments.mean, 0.5, 0.05);
}

}  // namespace
}  // namespace paretune
