#include "profiles/measurement.h"

#include <cassert>

namespace paretune {
namespace {

constexpr std::array kFields{&LatencySet::ttft_ms, &LatencySet::itl_ms, &LatencySet::tpot_ms,
                             &LatencySet::e2e_latency_ms};  // in the order of kLatencyMetrics
static_assert(kFields.size() == kLatencyMetrics.size());

}  // namespace

const Distribution& LatencySet::of(const LatencyMetric& metric) const {
  const auto row = &metric - kLatencyMetrics.data();
  assert(row >= 0 && std::size_t(row) < kFields.size() && "a row of kLatencyMetrics");
  return this->*kFields[row];
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::out_of_memory:
      return "out_of_memory";
    case Outcome::timed_out:
      return "timed_out";
    case Outcome::crashed:
      return "crashed";
    case Outcome::refused:
      return "refused";
  }
  return "";
}

}  // namespace paretune
