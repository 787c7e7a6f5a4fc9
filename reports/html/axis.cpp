#include "reports/html/axis.h"

#include <algorithm>
#include <cmath>

#include "reports/number.h"

namespace paretune {
namespace {

constexpr double kZeroAt = 0.03;   // the middle of the zero slot
constexpr double kPadding = 0.06;  // of the span, so that no point lies on the frame

}  // namespace

std::vector<double> round_values(double low, double high) {
  const double rough = (high - low) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5   ? 1
                               : rough / power < 3.5 ? 2
                               : rough / power < 7.5 ? 5
                                                     : 10);
  std::vector<double> out;
  for (double n = std::ceil(low / step); n * step <= high; ++n) out.push_back(n * step);
  return out;
}

Axis::Axis(std::span<const double> values) {
  std::vector<double> positive;
  bool zero = false;
  for (double v : values) {
    if (!std::isfinite(v)) continue;
    if (v > 0) positive.push_back(v);
    if (v <= 0) zero = true;
  }
  if (positive.empty()) return;
  const auto [least, most] = std::minmax_element(positive.begin(), positive.end());
  logarithmic_ = *most > 10 * *least;
  zero_slot_ = logarithmic_ && zero;
  if (logarithmic_) {
    const double pad = kPadding * std::log10(*most / *least);
    low_ = std::log10(*least) - pad;
    high_ = std::log10(*most) + pad;
    return;
  }
  const double least_shown = zero ? 0 : *least;
  const double span =
      *most > least_shown ? *most - least_shown : *most;  // of one value: half of it to either side
  low_ = std::max(0.0, least_shown - kPadding * span);
  high_ = *most + kPadding * span;
  if (*most == least_shown) {
    low_ = *most / 2;
    high_ = *most * 1.5;
  }
}

double Axis::at(double value) const {
  if (zero_slot_ && value <= 0) return kZeroAt;
  const double begin = zero_slot_ ? kScaleBegin : 0;
  const double place = logarithmic_ ? (value > 0 ? std::log10(value) : low_) : value;
  const double unit = std::isnan(place) ? 0 : std::clamp((place - low_) / (high_ - low_), 0.0, 1.0);
  return begin + (1 - begin) * unit;
}

std::vector<Axis::Tick> Axis::ticks() const {
  std::vector<Tick> out;
  if (zero_slot_) out.push_back({kZeroAt, "0"});
  if (!logarithmic_) {
    for (double value : round_values(low_, high_))
      out.push_back({at(value), number_text(value, 4)});
    return out;
  }
  const double decades = high_ - low_;
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / 6)));
  for (int power = static_cast<int>(std::floor(low_)); power <= high_; power += stride) {
    for (double digit : {1.0, 2.0, 5.0}) {
      if (digit > 1 && decades > 2.5) continue;
      const double value = digit * std::pow(10, power);
      if (std::log10(value) < low_ || std::log10(value) > high_) continue;
      out.push_back({at(value), number_text(value, 2)});
    }
  }
  return out;
}

}  // namespace paretune
