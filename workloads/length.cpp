#include "workloads/length.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "workloads/random.h"

namespace paretune {

namespace {

// The standard normal at u, which may be 0.
double normal_at(double u) { return normal_quantile(std::max(u, 0x1p-54)); }

double fixed(const LengthSpec& spec, double) { return spec.value; }

double uniform(const LengthSpec& spec, double u) {
  return spec.min + std::floor(u * (double(spec.max) - spec.min + 1));
}

double gaussian(const LengthSpec& spec, double u) {
  return spec.value + spec.std_dev * normal_at(u);
}

// With X = exp(mu + sigma Z): mean exp(mu + sigma²/2), variance mean² (exp(sigma²) - 1).
double lognormal(const LengthSpec& spec, double u) {
  const double cv = spec.std_dev / spec.value;
  const double sigma2 = std::log1p(cv * cv);
  return std::exp(std::log(spec.value) - sigma2 / 2 + std::sqrt(sigma2) * normal_at(u));
}

double empirical(const LengthSpec& spec, double u) {
  const auto weight = [&](std::size_t i) { return spec.weights.empty() ? 1.0 : spec.weights[i]; };
  double total = 0;
  for (std::size_t i = 0; i < spec.values.size(); ++i) total += weight(i);
  std::size_t last = 0;  // the last of any weight: where rounding leaves u beyond every sum
  double sum = 0;
  for (std::size_t i = 0; i < spec.values.size(); ++i) {
    if (weight(i) == 0) continue;
    last = i;
    sum += weight(i);
    if (u * total < sum) break;
  }
  return spec.values[last];
}

constexpr double kLastQuantile = 1 - 0x1p-53;  // the largest that uniform01 draws

int bound(const LengthSpec& spec, bool upper) {
  int result = length_at(spec, upper ? kLastQuantile : 0);
  for (std::size_t i = 0; i < spec.values.size(); ++i) {  // the one law that is not monotone in u
    if (!spec.weights.empty() && spec.weights[i] == 0) continue;
    result = upper ? std::max(result, spec.values[i]) : std::min(result, spec.values[i]);
  }
  return result;
}

}  // namespace

constexpr LengthLaw kFixedLength{"fixed", "value", "", fixed};
constexpr LengthLaw kUniformLength{"uniform", "min max", "", uniform};
constexpr LengthLaw kGaussianLength{"gaussian", "value std_dev", "min max", gaussian};
constexpr LengthLaw kLognormalLength{"lognormal", "value std_dev", "min max", lognormal};
constexpr LengthLaw kEmpiricalLength{"empirical", "values", "weights", empirical};

int length_at(const LengthSpec& spec, double u) {
  assert(u >= 0 && u < 1);
  assert(spec.min <= spec.max && "the parser refuses an empty range");
  return int(
      std::clamp(std::round(spec.law->quantile(spec, u)), double(spec.min), double(spec.max)));
}

int shortest(const LengthSpec& spec) { return bound(spec, false); }
int longest(const LengthSpec& spec) { return bound(spec, true); }

}  // namespace paretune
