#include "optimizer/paired.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace paretune {
namespace {

// Student's t, 95 % one-sided, of 1, 2, … degrees of freedom.
constexpr std::array<double, 9> kT95{6.3138, 2.9200, 2.3534, 2.1318, 2.0150,
                                     1.9432, 1.8946, 1.8595, 1.8331};

}  // namespace

Estimate cost_ratio(std::span<const std::pair<double, double>> pairs) {
  std::vector<double> logs;
  for (const auto& [a, b] : pairs) logs.push_back(std::log(a / b));
  const auto n = static_cast<double>(logs.size());
  double mean = 0, squares = 0;
  for (const double v : logs) mean += v / n;
  for (const double v : logs) squares += (v - mean) * (v - mean);
  if (logs.size() < 2) return {std::exp(mean), 0, std::numeric_limits<double>::infinity()};
  const double error = std::sqrt(squares / (n - 1) / n);
  const double reach = kT95[std::min(logs.size() - 2, kT95.size() - 1)] * error;
  return {std::exp(mean), std::exp(mean - reach), std::exp(mean + reach)};
}

}  // namespace paretune
