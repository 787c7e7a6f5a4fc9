#include "optimizer/expected.h"

#include <algorithm>
#include <cmath>

#include "optimizer/drift.h"
#include "optimizer/judge.h"
#include "optimizer/prior.h"
#include "search/pareto.h"

namespace paretune {
namespace {

// Of the trials that meet the limits.
std::vector<int> front_of(const Study& study, const std::vector<Objectives>& expected) {
  std::vector<int> ids;
  std::vector<Scores> scores;
  for (const Trial& trial : study.trials) {
    if (!trial.feasible) continue;
    ids.push_back(trial.id);
    scores.push_back(raw_scores(expected[static_cast<std::size_t>(trial.id)]));
  }
  std::vector<int> front;
  for (const std::size_t i : pareto_front(scores)) front.push_back(ids[i]);
  return front;
}

}  // namespace

Objectives expected_objectives(const Trial& trial, std::span<const Trial> trials) {
  Objectives expected = without_drift(trial);
  if (trial.searched || !trial.predicted) return expected;
  const double predicted =
      corrected(*trial.predicted, trials).objectives.usd_per_million_output_tokens;
  double& cost = expected.usd_per_million_output_tokens;
  if (predicted > 0 && std::isfinite(predicted)) cost = std::sqrt(cost * predicted);
  return expected;
}

std::vector<int> promising(const Study& study) {
  std::vector<Objectives> expected;
  for (const Trial& trial : study.trials)
    expected.push_back(expected_objectives(trial, study.trials));
  std::vector<int> ids = front_of(study, expected);
  for (const int id : study.front)
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  std::ranges::sort(ids, {}, [&](int id) {
    return std::pair(expected[static_cast<std::size_t>(id)].usd_per_million_output_tokens, id);
  });
  return ids;
}

}  // namespace paretune
