// One axis of a plot: where a value lies, and which values get a tick.
//
// Logarithmic where the positive values span more than tenfold. A value of exactly 0 then has no
// place on the scale, so it gets a slot of its own before the scale begins, set off by a gap (KL
// divergence of the unchanged model is 0).
#pragma once

#include <span>
#include <string>
#include <vector>

namespace paretune {

// Multiples of 1, 2 or 5 times a power of ten from low to high, about five of them. low < high,
// both finite.
std::vector<double> round_values(double low, double high);

class Axis {
 public:
  // values: not negative; those that are not finite are left out. None at all: an axis from 0 to 1.
  explicit Axis(std::span<const double> values);

  double at(double value) const;  // [0, 1]; beyond the ends it is cut
  bool logarithmic() const { return logarithmic_; }
  bool zero_slot() const { return zero_slot_; }
  static constexpr double kScaleBegin = 0.12;  // where the scale begins behind a zero slot

  struct Tick {
    double at = 0;
    std::string text;
  };
  std::vector<Tick> ticks() const;

 private:
  bool logarithmic_ = false;
  bool zero_slot_ = false;
  double low_ = 0;
  double high_ = 1;
};

}  // namespace paretune
