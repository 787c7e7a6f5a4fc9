#include "optimizer/drift.h"

#include <algorithm>
#include <cstdio>

namespace paretune {
namespace {

// Most canaries of one steady machine differ by less (bench/trust_results.md).
constexpr double kSteady = 1.08;
// Of the cores' time, taken by the host: what an idle host takes is far below this.
constexpr double kTaken = 0.03;

// "": next to nothing.
std::string stolen_text(const Study& study) {
  double most = 0;
  for (const Trial& trial : study.trials) {
    const Speed& speed = trial.measurement.speed;
    most = std::max({most, speed.at_workload.steal_fraction, speed.at_max_rate.steal_fraction});
  }
  if (most < kTaken) return "";
  char text[120];
  std::snprintf(text, sizeof text,
                "the machine's host gave up to %.0f %% of the cores' time to others during runs",
                100 * most);
  return text;
}

}  // namespace

double slowdown(double canary_s, double default_canary_s) {
  if (!(canary_s > 0) || !(default_canary_s > 0)) return 1;
  const double ratio = canary_s / default_canary_s;
  return std::max(ratio, 1 / ratio) <= kSteady ? 1 : ratio;
}

Objectives without_drift(const Trial& trial) {
  Objectives objectives = trial.objectives;
  objectives.usd_per_million_output_tokens /= trial.slowdown;
  objectives.latency_ms /= trial.slowdown;
  return objectives;
}

std::string drift_text(const Study& study) {
  // The default itself may have had the odd moment: told against the trial in the middle.
  std::vector<double> ratios;
  for (const Trial& trial : study.trials) ratios.push_back(trial.slowdown);
  if (ratios.empty()) return "";
  std::ranges::sort(ratios);
  const double middle = ratios[ratios.size() / 2];
  const auto n_trials =
      std::ranges::count_if(ratios, [&](double ratio) { return slowdown(ratio, middle) != 1; });
  const std::string stolen = stolen_text(study);
  if (n_trials == 0) return stolen;
  char text[240];
  std::snprintf(text, sizeof text,
                "the machine was not steady: beside %d of %zu trials the same work took %.2f to "
                "%.2f times as long as usual; the search allowed for it",
                int(n_trials), ratios.size(), ratios.front() / middle, ratios.back() / middle);
  return stolen.empty() ? text : std::string(text) + "; " + stolen;
}

}  // namespace paretune
