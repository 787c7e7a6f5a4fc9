#include "search/regret.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "search/cholesky.h"
#include "search/indicators.h"

namespace paretune {
namespace {

constexpr int kSamples = 200;
constexpr double kQuantile = 0.95;

double normal(Rng& rng) {  // Box and Muller 1958
  const double radius = std::sqrt(-2 * std::log1p(-rng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

}  // namespace

double hypervolume_regret(std::span<const Scores> front, const Scores& reference,
                          std::span<const Foretold> objectives, std::span<const double> feasible,
                          Rng rng) {
  assert(objectives.size() == reference.size());
  const std::size_t n = objectives[0].moments.size();
  std::vector<std::optional<Cholesky>> factors;
  for (const Foretold& objective : objectives) {
    assert(objective.moments.size() == n);
    factors.emplace_back();
    if (!objective.correlations.empty()) factors.back().emplace(objective.correlations, n);
  }
  const double known = hypervolume(front, reference);
  std::vector<double> regrets;
  for (int sample = 0; sample < kSamples; ++sample) {
    std::vector<Scores> scores(front.begin(), front.end());
    scores.resize(front.size() + n, Scores(reference.size()));
    for (std::size_t j = 0; j < objectives.size(); ++j) {
      std::vector<double> z;
      for (std::size_t i = 0; i < n; ++i) z.push_back(normal(rng));
      if (factors[j]) z = factors[j]->multiply_lower(z);
      for (std::size_t i = 0; i < n; ++i) {
        const Moments& m = objectives[j].moments[i];
        scores[front.size() + i][j] = m.mean + std::sqrt(m.variance) * z[i];
      }
    }
    for (std::size_t i = 0; i < feasible.size(); ++i) {
      if (rng.uniform() >= feasible[i]) scores[front.size() + i] = reference;  // adds nothing
    }
    const double all = hypervolume(scores, reference);
    regrets.push_back(all > 0 ? 1 - known / all : front.empty() ? 1 : 0);
  }
  const auto at = regrets.begin() + std::ptrdiff_t(kQuantile * kSamples);
  std::ranges::nth_element(regrets, at);
  return *at;
}

}  // namespace paretune
