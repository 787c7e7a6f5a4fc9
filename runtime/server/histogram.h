// A histogram as Prometheus counts it: how many observations were at most each bound.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace paretune {

class Histogram {
 public:
  // bounds: ascending; must outlive the histogram. Above the last is a bucket without bound.
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void observe(double value);

  std::span<const double> bounds() const { return bounds_; }
  std::span<const std::uint64_t> counts() const { return counts_; }  // per bucket, not cumulative
  double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace paretune
