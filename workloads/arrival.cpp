#include "workloads/arrival.h"

#include <algorithm>
#include <cmath>

namespace paretune {

namespace {

double poisson_gap(const ArrivalSpec&, RandomEngine& rng) { return -std::log1p(-uniform01(rng)); }

double gamma_gap(const ArrivalSpec& spec, RandomEngine& rng) {
  return gamma_draw(spec.burstiness, rng) / spec.burstiness;
}

double constant_gap(const ArrivalSpec&, RandomEngine&) { return 1; }

}  // namespace

constexpr ArrivalProcess kClosedLoop{"closed_loop", "concurrency", "", false, nullptr};
constexpr ArrivalProcess kPoisson{"poisson", "", "rate_qps", true, poisson_gap};
constexpr ArrivalProcess kGamma{"gamma", "burstiness", "rate_qps", true, gamma_gap};
constexpr ArrivalProcess kConstant{"constant", "", "rate_qps", true, constant_gap};
constexpr ArrivalProcess kTrace{"trace", "path", "format speedup clip", true, nullptr};

}  // namespace paretune
