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

void sort_by_cost(std::vector<int>& ids, const std::vector<Objectives>& expected) {
  std::ranges::sort(ids, {}, [&](int id) {
    return std::pair(expected[static_cast<std::size_t>(id)].usd_per_million_output_tokens, id);
  });
}

std::vector<Objectives> all_expected(const Study& study) {
  std::vector<Objectives> expected;
  for (const Trial& trial : study.trials)
    expected.push_back(expected_objectives(trial, study.trials));
  return expected;
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
  const std::vector<Objectives> expected = all_expected(study);
  std::vector<int> ids = front_of(study, expected);
  for (const int id : study.front)
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  sort_by_cost(ids, expected);
  return ids;
}

std::vector<int> cheapest(const Study& study, std::size_t n) {
  std::vector<int> ids;
  for (const Trial& trial : study.trials)
    if (trial.feasible && trial.id != 0) ids.push_back(trial.id);
  sort_by_cost(ids, all_expected(study));
  ids.resize(std::min(ids.size(), n));
  return ids;
}

}  // namespace paretune
