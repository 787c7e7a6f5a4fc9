// Runs of strategies on problems whose scores are known, and what they are held against.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "search/indicators.h"
#include "search/strategy.h"
#include "tests/search/problems.h"

namespace paretune {

struct Told {
  Point point;
  std::optional<Scores> scores;
};

inline std::vector<Told> run(Strategy& strategy, const Problem& problem, int budget) {
  std::vector<Told> log;
  while (int(log.size()) < budget) {
    const std::vector<Point> asked = strategy.ask(1);
    if (asked.empty()) break;
    log.push_back({asked[0], problem.evaluate(asked[0])});
    strategy.tell(log.back().point, log.back().scores);
  }
  return log;
}

inline std::vector<Point> points_of(const std::vector<Told>& log) {
  std::vector<Point> points;
  for (const Told& told : log) points.push_back(told.point);
  return points;
}

inline std::vector<Scores> scores_of(const std::vector<Told>& log) {
  std::vector<Scores> scores;
  for (const Told& told : log) {
    if (told.scores) scores.push_back(*told.scores);
  }
  return scores;
}

// All canonical points by brute force.
inline std::set<Point> all_points(const Space& space) {
  std::set<Point> points;
  Point point(space.n_choices.size(), 0);
  for (;;) {
    if (const std::optional<Point> canonical = canonical_of(space, point))
      points.insert(*canonical);
    std::size_t d = 0;
    while (d < point.size() && ++point[d] == space.n_choices[d]) point[d++] = 0;
    if (d == point.size()) return points;
  }
}

// The median over seeds of the hypervolume after a budget.
inline double median_hypervolume(std::string_view name, const Problem& problem, int budget,
                                 const Scores& reference, std::uint64_t n_seeds = 9) {
  std::vector<double> volumes;
  for (std::uint64_t seed = 1; seed <= n_seeds; ++seed) {
    const auto strategy = find_strategy(name).make(
        problem.space, {.n_objectives = problem.n_objectives, .seed = seed});
    volumes.push_back(hypervolume(scores_of(run(*strategy, problem, budget)), reference));
  }
  std::ranges::sort(volumes);
  return volumes[volumes.size() / 2];
}

// The front of a problem whose dimensions but the first n_free are best at one choice.
inline std::vector<Scores> front_of(const Problem& problem, int n_free, int best_choice) {
  Space face = problem.space;
  face.n_choices.resize(std::size_t(n_free));
  std::vector<Scores> front;
  for (Point point : all_points(face)) {
    point.resize(problem.space.n_choices.size(), best_choice);
    front.push_back(*problem.evaluate(point));
  }
  return front;
}

}  // namespace paretune
