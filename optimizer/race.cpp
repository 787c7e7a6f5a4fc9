#include "optimizer/race.h"

#include <algorithm>
#include <map>
#include <utility>

#include "optimizer/confirm.h"
#include "optimizer/trials.h"

namespace paretune {
namespace {

constexpr int kHeats = 2;
// Of the highest load that the search found for any runner: more than each can serve. Of what one
// served then, the SLOs leave about so much.
constexpr double kOverload = 1.3, kWithinLimits = kLevelStep * kLevelStep * kLevelStep;

}  // namespace

std::optional<Served> race(
    const Study& study, const Workload& rated, std::span<const int> runners, int runs_after,
    Clock& clock, double deadline,
    const std::function<std::optional<Trial>(const Trial&, double rate, int heat)>& run) {
  Served served;  // in all heats that ran, together
  std::map<int, int> ran;
  if (rated.arrival.is_closed() || runners.size() < 2) return served;
  std::vector<std::pair<const Trial*, double>> field;  // and its load
  double most = 0, heat_s = 0;
  for (const int id : runners) most = std::max(most, level_of(trial_of(study, id), rated));
  for (const int id : runners) field.emplace_back(&trial_of(study, id), kOverload * most);
  if (const Trial& base = study.trials.front(); base.feasible)
    field.emplace_back(&base, kOverload * level_of(base, rated));
  for (const auto& [runner, rate] : field)
    heat_s += kOverload * fresh_run_seconds(*runner, rated, 1);
  const double run_s = heat_s / double(field.size());
  int heats = 0;
  for (; heats < kHeats && clock.now() + heat_s + runs_after * run_s < deadline; ++heats) {
    for (const auto& [runner, rate] : field) {
      const std::optional<Trial> again = run(*runner, rate, heats);
      if (!again) return std::nullopt;
      if (again->measurement.outcome != Outcome::ok) continue;
      served[runner->id] += again->measurement.speed.at_max_rate.request_rate;
      ++ran[runner->id];
    }
    std::ranges::reverse(field);
  }
  for (auto& [id, rate] : served) rate /= ran[id];
  return served;
}

void order_by_served(std::vector<int>& ids, const Served& served) {
  std::ranges::stable_sort(ids, std::greater<>(), [&](int id) {
    const auto found = served.find(id);
    return found == served.end() ? 0 : found->second;
  });
}

double rate_after_race(int id, double promised, const Served& served) {
  const auto found = served.find(id);
  return found == served.end() ? promised
                               : std::clamp(promised, kWithinLimits * found->second, found->second);
}

}  // namespace paretune
