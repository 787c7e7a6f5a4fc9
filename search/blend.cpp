#include "search/blend.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace paretune {
namespace {

constexpr int kLevels = 64;                 // of a prior as a dimension
constexpr double kLow = -0.5, kHigh = 1.5;  // and what they range over

// A prior's slope is 1 unless trials whose priors spread this much (squared, summed) say otherwise.
constexpr double kSlopeWeight = 0.1;

constexpr double kIgnored = 0.02;  // members of less weight are left out

}  // namespace

Blend::Blend(const Space& space, std::span<const Point> points, std::span<const double> values,
             const Priors& priors, bool exact, Rng rng)
    : space_{.n_choices = space.n_choices, .ordinal = space.ordinal}, space_with_prior_(space_) {
  assert(!points.empty() && points.size() == values.size());
  assert(priors.empty() || priors.size() == points.size());
  space_.ordinal.resize(space_.n_choices.size());
  space_with_prior_ = space_;
  space_with_prior_.n_choices.push_back(kLevels);
  space_with_prior_.ordinal.push_back(true);

  const std::size_t n = points.size();
  std::vector<double> foretold(n);
  const auto take = [&](std::span<const Moments> moments) {
    for (std::size_t i = 0; i < n; ++i) foretold[i] = moments[i].mean;
  };
  const std::vector<double> all(values.begin(), values.end());
  process_.emplace(space_, points, values, exact);
  take(process_->left_out());
  add("process", all, foretold);
  forest_.emplace(space_, points, values, rng);
  add("forest", all, forest_->out_of_bag());

  std::size_t n_known = 0;
  for (double prior : priors) {
    if (!std::isfinite(prior)) continue;
    mean_prior_ += prior;
    ++n_known;
  }
  if (n_known > 0) {
    mean_prior_ /= double(n_known);
    double mean_value = 0;
    for (double value : values) mean_value += value / double(n);
    double together = kSlopeWeight, alone = kSlopeWeight;
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::isfinite(priors[i])) continue;
      together += (priors[i] - mean_prior_) * (values[i] - mean_value);
      alone += (priors[i] - mean_prior_) * (priors[i] - mean_prior_);
    }
    slope_ = together / alone;
    std::vector<double> rest;
    for (std::size_t i = 0; i < n; ++i) rest.push_back(values[i] - from_prior(priors[i]));
    const std::vector<Point> seen = with_levels(points, priors);
    process_with_prior_.emplace(space_with_prior_, seen, rest, exact);
    take(process_with_prior_->left_out());
    add("process+prior", rest, foretold);
    forest_with_prior_.emplace(space_with_prior_, seen, rest, rng);
    add("forest+prior", rest, forest_with_prior_->out_of_bag());
  }
  weigh();

  // A forest explains away no noise.
  denoised_ = all;
  if (exact) return;
  const auto shrink = [&](const std::vector<Moments>& moments, const Priors& known, double weight) {
    for (std::size_t i = 0; i < n; ++i) {
      const double mean = moments[i].mean + (known.empty() ? 0 : from_prior(known[i]));
      denoised_[i] += weight * (mean - values[i]);
    }
  };
  if (process_) shrink(process_->predict(points), {}, members_[0].weight);
  if (process_with_prior_)
    shrink(process_with_prior_->predict(with_levels(points, priors)), priors, members_[2].weight);
}

double Blend::from_prior(double prior) const {
  return slope_ * (std::isfinite(prior) ? prior : mean_prior_);
}

Point Blend::with_level(const Point& point, double prior) const {
  const double known = std::isfinite(prior) ? prior : mean_prior_;
  const double level = std::clamp((known - kLow) / (kHigh - kLow), 0.0, 1.0) * (kLevels - 1);
  Point longer;
  longer.reserve(point.size() + 1);
  longer = point;
  longer.push_back(int(std::lround(level)));
  return longer;
}

std::vector<Point> Blend::with_levels(std::span<const Point> points, const Priors& priors) const {
  std::vector<Point> longer;
  longer.reserve(points.size());
  for (std::size_t i = 0; i < points.size(); ++i)
    longer.push_back(with_level(points[i], priors[i]));
  return longer;
}

void Blend::add(std::string_view name, const std::vector<double>& values,
                const std::vector<double>& left_out) {
  double sum = 0, n = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(left_out[i])) continue;
    sum += (left_out[i] - values[i]) * (left_out[i] - values[i]);
    n += 1;
  }
  members_.push_back({name, n > 0 ? sum / n : 1, 0});
}

void Blend::weigh() {
  double least = 1e-9, sum = 0;
  least = std::max(least, std::ranges::min(members_, {}, &Member::error).error);
  for (Member& member : members_) {
    member.weight = std::pow(least / std::max(member.error, least), 3);
    sum += member.weight;
  }
  double kept = 0;
  for (Member& member : members_) {
    member.weight = member.weight / sum < kIgnored ? 0 : member.weight / sum;
    kept += member.weight;
  }
  for (Member& member : members_) member.weight /= kept;
}

std::vector<double> Blend::correlations(std::span<const Point> points, const Priors& priors) const {
  if (!process_with_prior_ || members_[0].error <= members_[2].error)
    return process_->correlations(points);
  return process_with_prior_->correlations(with_levels(points, priors));
}

std::vector<Moments> Blend::predict(std::span<const Point> points, const Priors& priors) const {
  assert(!process_with_prior_ || priors.size() == points.size());
  std::vector<Moments> blend(points.size());  // variance: of squares first
  const auto mix = [&](std::span<const Moments> moments, double weight, bool with_prior) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double mean = moments[i].mean + (with_prior ? from_prior(priors[i]) : 0);
      blend[i].mean += weight * mean;
      blend[i].variance += weight * (moments[i].variance + mean * mean);
    }
  };
  const auto forest_moments = [](const Forest& forest, std::span<const Point> of) {
    std::vector<Moments> moments;
    moments.reserve(of.size());
    for (const Point& point : of) moments.push_back(forest.predict(point));
    return moments;
  };
  if (members_[0].weight > 0) mix(process_->predict(points), members_[0].weight, false);
  if (members_[1].weight > 0) mix(forest_moments(*forest_, points), members_[1].weight, false);
  if (process_with_prior_ && members_[2].weight + members_[3].weight > 0) {
    const std::vector<Point> longer = with_levels(points, priors);
    if (members_[2].weight > 0) mix(process_with_prior_->predict(longer), members_[2].weight, true);
    if (members_[3].weight > 0)
      mix(forest_moments(*forest_with_prior_, longer), members_[3].weight, true);
  }
  for (Moments& m : blend) m.variance = std::max(m.variance - m.mean * m.mean, 0.0);
  return blend;
}

}  // namespace paretune
