#include "optimizer/drift.h"

#include <algorithm>
#include <cstdio>

namespace paretune {
namespace {

// Most canaries of one steady machine differ by less (bench/trust_results.md).
constexpr double kSteady = 1.08;
// Of the cores' time: what an idle host and an idle machine's services take is far below this.
constexpr double kTaken = 0.05;

// What took the cores' time from runs, as "…; …"; "": next to nothing did.
std::string taken_text(const Study& study) {
  double host = 0, others = 0;
  for (const Trial& trial : study.trials) {
    const Speed& speed = trial.measurement.speed;
    for (const LoadRun* const run : {&speed.at_workload, &speed.at_max_rate}) {
      host = std::max(host, run->steal_fraction);
      others = std::max(others, run->others_fraction);
    }
  }
  const auto sentence = [](double taken, const char* before, const char* after) {
    char percent[16];
    std::snprintf(percent, sizeof percent, "%.0f %%", 100 * taken);
    return taken < kTaken ? "" : std::string(before) + percent + after;
  };
  const std::string given = sentence(host, "the machine's host gave up to ",
                                     " of the cores' time to others during runs"),
                    used = sentence(others, "other processes took up to ",
                                    " of the cores' time during runs");
  return given + (given.empty() || used.empty() ? "" : "; ") + used;
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
  const std::string taken = taken_text(study);
  if (n_trials == 0) return taken;
  char text[240];
  std::snprintf(text, sizeof text,
                "the machine was not steady: beside %d of %zu trials the same work took %.2f to "
                "%.2f times as long as usual; the search allowed for it",
                int(n_trials), ratios.size(), ratios.front() / middle, ratios.back() / middle);
  return taken.empty() ? text : std::string(text) + "; " + taken;
}

}  // namespace paretune
