#include "optimizer/paired.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <vector>

namespace paretune {
Estimate cost_ratio(std::span<const std::pair<double, double>> pairs, double confidence) {
  std::vector<double> logs;
  for (const auto& [a, b] : pairs) logs.push_back(std::log(a / b));
  const auto n = static_cast<double>(logs.size());
  double mean = 0, squares = 0;
  for (const double v : logs) mean += v / n;
  for (const double v : logs) squares += (v - mean) * (v - mean);
  if (logs.size() < 2) return {std::exp(mean), 0, std::numeric_limits<double>::infinity()};
  const double error = std::sqrt(squares / (n - 1) / n);
  const boost::math::students_t distribution(n - 1);
  const double reach = boost::math::quantile(distribution, (1 + confidence) / 2) * error;
  return {std::exp(mean), std::exp(mean - reach), std::exp(mean + reach)};
}

}  // namespace paretune
