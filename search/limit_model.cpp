#include "search/limit_model.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "search/improvement.h"

namespace paretune {
namespace {

constexpr double kLeastChance = 1e-3;  // so that no model rules anything out
// The chance where the prior expects a miss and none was seen yet.
constexpr double kDoubted = 0.25;
constexpr double kMet = 1e-3;  // of the least excess: where logarithms put what is met

}  // namespace

LimitModel::LimitModel(const Space& space, std::span<const Point> points,
                       std::vector<double> excesses, Priors priors, Rng rng)
    : none_met_(std::ranges::none_of(excesses, [](double e) { return e == 0; })),
      none_missed_(std::ranges::all_of(excesses, [](double e) { return e == 0; })) {
  assert(!points.empty() && points.size() == excesses.size());
  if (none_missed_) return;
  const double most = std::ranges::max(excesses);
  least_ = most;
  for (const double excess : excesses)
    if (excess > 0) least_ = std::min(least_, excess);
  if (none_met_ && least_ == most) return;
  if (none_met_) range_ = std::log(most / least_);
  for (double& excess : excesses) excess = place(excess);
  blend_.emplace(space, points, excesses, placed(std::move(priors)), false, rng);
}

// Where some met the limits: 0 is met, about 1 is missed, and it is flat beyond the least excess.
// Else its logarithm, from 0 at the nearest trial to 1 at the farthest.
double LimitModel::place(double excess) const {
  const double times = excess / least_;
  if (none_met_) return std::log(std::max(times, kMet)) / range_;
  return std::min(times, 1.0) + 0.1 * std::log1p(std::max(times - 1, 0.0));
}

Priors LimitModel::placed(Priors excesses) const {
  for (double& excess : excesses)
    if (std::isfinite(excess)) excess = place(excess);
  return excesses;
}

std::vector<double> LimitModel::chances(std::span<const Point> points, Priors priors) const {
  std::vector<double> chances(points.size(), 1.0);
  if (none_met_) return chances;
  if (none_missed_) {
    for (std::size_t i = 0; i < priors.size(); ++i)
      if (priors[i] > 0) chances[i] = kDoubted;
    return chances;
  }
  const std::vector<Moments> foretold = blend_->predict(points, placed(std::move(priors)));
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double z = (0.5 - foretold[i].mean) / std::sqrt(std::max(foretold[i].variance, 1e-12));
    chances[i] = std::max(0.5 * std::erfc(-z / std::numbers::sqrt2), kLeastChance);
  }
  return chances;
}

std::vector<double> LimitModel::approaches(std::span<const Point> points, Priors priors) const {
  std::vector<double> gains;
  if (!none_met_ || !blend_) return gains;
  const std::vector<Moments> foretold = blend_->predict(points, placed(std::move(priors)));
  const std::vector<Scores> nearest{{0.0}};
  const Improvement improvement(nearest, nearest[0]);
  for (const Moments& moments : foretold)
    gains.push_back(improvement.expected(std::span(&moments, 1)));
  return gains;
}

}  // namespace paretune
