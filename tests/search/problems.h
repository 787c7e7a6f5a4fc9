// Problems with known fronts, cut into grids of choices.
#pragma once

#include <cmath>
#include <functional>
#include <numbers>

#include "search/strategy.h"

namespace paretune {

struct Problem {
  Space space;
  std::function<std::optional<Scores>(const Point&)> evaluate;
  int n_objectives;
};

// x in [0, 1]^n_dimensions on a grid of n_choices per dimension.
inline Problem on_grid(int n_dimensions, int n_choices, int n_objectives,
                       std::function<Scores(const std::vector<double>&)> f) {
  Space space{.n_choices = std::vector<int>(std::size_t(n_dimensions), n_choices),
              .ordinal = std::vector<bool>(std::size_t(n_dimensions), true)};
  const auto evaluate = [f = std::move(f), n_choices](const Point& point) -> std::optional<Scores> {
    std::vector<double> x;
    for (int choice : point) x.push_back(double(choice) / (n_choices - 1));
    return f(x);
  };
  return {space, evaluate, n_objectives};
}

// Zitzler, Deb, Thiele 2000, doi:10.1162/106365600568202. variant 1, 2 or 3.
inline Problem zdt(int variant, int n_dimensions, int n_choices) {
  return on_grid(n_dimensions, n_choices, 2, [variant](const std::vector<double>& x) {
    double sum = 0;
    for (std::size_t i = 1; i < x.size(); ++i) sum += x[i];
    const double g = 1 + 9 * sum / double(x.size() - 1), r = x[0] / g;
    double h = 1 - std::sqrt(r);
    if (variant == 2) h = 1 - r * r;
    if (variant == 3) h -= r * std::sin(10 * std::numbers::pi * x[0]);
    return Scores{x[0], g * h};
  });
}

// Deb, Thiele, Laumanns, Zitzler 2002: the front is the positive part of the unit sphere.
inline Problem dtlz2(int n_dimensions, int n_choices) {
  return on_grid(n_dimensions, n_choices, 3, [](const std::vector<double>& x) {
    double g = 0;
    for (std::size_t i = 2; i < x.size(); ++i) g += (x[i] - 0.5) * (x[i] - 0.5);
    const double a = x[0] * std::numbers::pi / 2, b = x[1] * std::numbers::pi / 2;
    return Scores{(1 + g) * std::cos(a) * std::cos(b), (1 + g) * std::cos(a) * std::sin(b),
                  (1 + g) * std::sin(a)};
  });
}

// A small deployment-like space: 4 * 3 * 2 * 5 * 2 = 240 raw points. The last dimension means
// nothing unless dimension 1 is 2; points whose first two choices add to 5 do not fit and are
// repaired; first choice 3 with third choice 1 is valid but fails when tried.
inline Problem conditional() {
  Space space{.n_choices = {4, 3, 2, 5, 2},
              .canonical = [](const Point& p) -> std::optional<Point> {
                if (p[0] == 0 && p[3] == 4) return std::nullopt;
                Point c = p;
                if (c[0] + c[1] == 5) c[1] = 1;
                if (c[1] != 2) c[4] = 0;
                return c;
              },
              .names = {"a", "b", "c", "d", "e"},
              .ordinal = {true, false, false, true, false}};
  const auto evaluate = [](const Point& p) -> std::optional<Scores> {
    if (p[0] == 3 && p[2] == 1) return std::nullopt;
    const double a = p[0], b = p[1], c = p[2], d = p[3], e = p[4];
    return Scores{1 + a + 0.5 * b + 0.1 * d,
                  1 + (3 - a) * (3 - a) + c + 0.3 * std::abs(d - 2) + 0.2 * e,
                  1 + b + 0.7 * (1 - c)};
  };
  return {space, evaluate, 3};
}

}  // namespace paretune
