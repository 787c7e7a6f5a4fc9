#include "search/scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace paretune {

Scale::Scale(std::span<const Trial> trials, int n_objectives) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < std::size_t(n_objectives); ++j) {
    double low = kInfinity, high = -kInfinity;
    for (const Trial& trial : trials) {
      if (!trial.scores) continue;
      low = std::min(low, (*trial.scores)[j]);
      high = std::max(high, (*trial.scores)[j]);
    }
    const bool logarithmic = low > 0 && low < kInfinity;
    if (logarithmic) {
      low = std::log(low);
      high = std::log(high);
    }
    axes_.push_back({logarithmic, low, high > low ? high - low : 1.0});
  }
}

Scores Scale::operator()(const Scores& scores) const {
  Scores scaled(scores.size());
  for (std::size_t j = 0; j < scores.size(); ++j) {
    const double value = axes_[j].logarithmic ? std::log(scores[j]) : scores[j];
    scaled[j] = (value - axes_[j].low) / axes_[j].range;
  }
  return scaled;
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
