// Which of several configs serves most, found out side by side: what the search saw of them it saw
// in other minutes of the machine.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "optimizer/study.h"
#include "profiles/clock.h"

namespace paretune {

// Requests/s by the trial's id.
using Served = std::map<int, double>;

// What the runners and, if it meets the limits, the default (trial 0) serve when each is asked for
// more than it can: in turn on the same fresh streams, forth and back, for as many heats as leave
// time for `runs_after` runs before the deadline, on the clock. Empty: of closed loops, of fewer
// than two runners, or for lack of time. nullopt: interrupted. rated: the workload with its rate
// settled. run: a trial's config at so many requests/s on the fresh stream of that heat; nullopt:
// interrupted.
std::optional<Served> race(
    const Study& study, const Workload& rated, std::span<const int> runners, int runs_after,
    Clock& clock, double deadline,
    const std::function<std::optional<Trial>(const Trial&, double rate, int heat)>& run);

// What served most comes first; what did not run keeps its place after it.
void order_by_served(std::vector<int>& ids, const Served& served);

// The rate to begin verification at: the promised one where that is in the range that what was
// served leaves under the limits, else the range's nearer end.
double rate_after_race(int id, double promised, const Served& served);

}  // namespace paretune
