#include "search/scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace paretune {

Scale::Scale(std::span<const Observation> trials, int n_objectives)
    : axes_(std::size_t(n_objectives)) {
  for (std::size_t j = 0; j < axes_.size(); ++j) {
    std::vector<double> scores;
    for (const Observation& trial : trials) {
      if (trial.scores) scores.push_back((*trial.scores)[j]);
    }
    if (scores.empty()) continue;
    std::ranges::sort(scores);
    Axis& axis = axes_[j];
    if (scores.front() >= 0) axis.offset = scores[scores.size() / 2] * 1e-3;
    axis.low = axis.of(scores.front());
    const double high = axis.of(scores.back());
    if (high > axis.low) axis.range = high - axis.low;
  }
}

double Scale::Axis::of(double score) const {
  // Only a prediction may be negative where no score is.
  return offset > 0 ? std::log(std::max(score, 0.0) + offset) : score;
}

Scores Scale::operator()(const Scores& scores) const {
  Scores scaled(scores.size());
  for (std::size_t j = 0; j < scores.size(); ++j)
    scaled[j] = (axes_[j].of(scores[j]) - axes_[j].low) / axes_[j].range;
  return scaled;
}

Scores Scale::inverse(const Scores& scaled) const {
  Scores scores(scaled.size());
  for (std::size_t j = 0; j < scaled.size(); ++j) {
    const Axis& axis = axes_[j];
    const double score = axis.low + axis.range * scaled[j];
    scores[j] = axis.offset > 0 ? std::exp(score) - axis.offset : score;
  }
  return scores;
}

std::vector<double> random_weights(Rng& rng, int n_objectives) {
  std::vector<double> weights;
  double sum = 0;
  for (int j = 0; j < n_objectives; ++j) {
    weights.push_back(-std::log1p(-rng.uniform()) +
                      1e-9);  // exponential: normalized, they are uniform
    sum += weights.back();
  }
  for (double& w : weights) w /= sum;
  return weights;
}

double tchebycheff(const Scores& scaled, std::span<const double> weights) {
  constexpr double kAugmentation = 0.05;  // ParEGO's (Knowles 2006, doi:10.1109/TEVC.2005.851274)
  double worst = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::size_t j = 0; j < scaled.size(); ++j) {
    worst = std::max(worst, weights[j] * scaled[j]);
    sum += weights[j] * scaled[j];
  }
  return worst + kAugmentation * sum;
}

}  // namespace paretune
