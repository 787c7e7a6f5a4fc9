#include "bench/search_run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "optimizer/drift.h"
#include "profiles/statistics.h"
#include "search/indicators.h"
#include "search/pareto.h"
#include "search/rng.h"

namespace paretune {
namespace {

constexpr std::uint64_t kNoise = 0x4015e, kFailure = 0xfa11, kCanary = 0xca9a,
                        kTails = 0x7a115;  // keys of draws

constexpr double kBeyond = 1e6;  // more than any time or loss

std::uint64_t hash_of(const Point& point) { return PointHash{}(point); }

// Student's t of so many repetitions: 95 % lie within ± t standard errors.
double t_of(int n_repetitions) {
  constexpr double kT[] = {0, 0, 12.706, 4.303, 3.182, 2.776};
  return kT[std::min(std::size_t(n_repetitions), std::size(kT) - 1)];
}

Told told(const MeasuredSpace& measured, const Point& point, int n_repetitions, double tails,
          std::uint64_t seed) {
  Told estimates;
  Rng slowed{kTails, seed, hash_of(point)};
  Rng rng{kNoise, seed, hash_of(point)};
  const auto spread = measured.spread.find(point);
  for (std::size_t j = 0; j < estimates.size(); ++j) {
    const std::vector<double>& times = measured.times.at(point)[j];
    std::vector<double> drawn;
    for (int i = 0; i < n_repetitions; ++i) {
      drawn.push_back(times[rng.below(int(times.size()))]);
      // Pareto's distribution with the exponent 1.5: a variance it has not.
      if (int(j) < measured.n_times && slowed.uniform() < tails)
        drawn.back() *= std::pow(1 - slowed.uniform(), -1 / 1.5);
    }
    double half = t_of(n_repetitions) * mean(drawn).standard_error;
    if (n_repetitions < 2) half = 0;  // nothing was measured of it
    if (spread != measured.spread.end() && spread->second[j] > 0) half = spread->second[j];
    const double value = median(drawn);
    estimates[j] = {value, value - half, value + half};
  }
  return estimates;
}

Scores values_of(const Told& estimates) {
  Scores scores;
  for (const Estimate& estimate : estimates) scores.push_back(estimate.value);
  return scores;
}

// As far above the limit as it is, in units of what no time reaches.
Judged judged(const MeasuredSpace& measured, const Scores& times) {
  if (times[1] <= measured.limit) return times;
  return {times, kBeyond * (1 + std::log(times[1] / measured.limit))};
}

// inverted: one over its times.
std::function<std::optional<Judged>(const Point&)> prior_of(const MeasuredSpace& measured,
                                                            bool inverted) {
  return [&measured, inverted](const Point& point) -> std::optional<Judged> {
    const auto row = measured.prior.find(point);
    if (row == measured.prior.end()) return std::nullopt;
    Scores scores = row->second;
    for (double& time : scores) time = inverted ? 1 / time : time;
    return judged(measured, scores);
  };
}

}  // namespace

std::vector<Point> failing_points(const MeasuredSpace& measured, double share) {
  std::vector<Point> failing;
  for (const auto& [point, scores] : measured.scores) {
    Point group = point;
    group[0] /= 4;
    if (Rng{kFailure, hash_of(group)}.uniform() < share) failing.push_back(point);
  }
  return failing;
}

SearchSetup setup_of(const MeasuredSpace& measured, const SearchCase& c, int seed) {
  SearchSetup setup{.n_objectives = int(measured.reference.size()), .seed = std::uint64_t(seed)};
  if (c.prior) setup.prior = prior_of(measured, c.inverted);
  for (int j = 0; j < setup.n_objectives; ++j) setup.exact.push_back(j >= measured.n_times);
  setup.alike = measured.alike;
  return setup;
}

std::optional<Judged> SearchRun::trial(const Point& point) {
  std::optional<Judged> judged = measure(point);
  worths_.push_back(worth());
  return judged;
}

std::optional<Judged> SearchRun::measure(const Point& point) {
  const auto row = measured_.scores.find(point);
  if (row == measured_.scores.end()) return std::nullopt;
  estimates_.push_back(told(measured_, point, case_.n_repetitions, case_.tails, seed_));
  const double factor = seeming_slowdown();
  for (int j = 0; j < measured_.n_times; ++j) {
    Estimate& e = estimates_.back()[std::size_t(j)];
    e = {e.value * factor, e.low * factor, e.high * factor};
  }
  Judged found = judged(measured_, values_of(estimates_.back()));
  points_.push_back(point);
  told_.push_back(found.raised());
  true_.push_back(row->second);
  return found;
}

double SearchRun::seeming_slowdown() const {
  if (case_.drift == 0) return 1;
  constexpr double kCanaryNoise = 0.03;  // bench/trust_results.md
  const double done = double(told_.size()) / double(case_.budget);
  const double slower = 1 + case_.drift * std::min(1.0, 2 * done);
  if (!case_.canary) return slower;
  Rng rng{kCanary, seed_, std::uint64_t(told_.size())};
  double normal = -6;  // of twelve uniform ones
  for (int i = 0; i < 12; ++i) normal += rng.uniform();
  return slower / slowdown(slower * std::exp(kCanaryNoise * normal), 1);
}

std::vector<Scores> SearchRun::returned() const { return true_of(pareto_front(told_)); }

std::vector<Scores> SearchRun::returned_with_ties() const {
  const std::vector<std::size_t> front = pareto_front(told_);
  std::vector<std::size_t> with_ties;
  for (std::size_t i = 0; i < told_.size(); ++i) {
    const auto ties = [&](std::size_t j) {
      return i == j || indistinct(estimates_[i], estimates_[j]);
    };
    if (std::ranges::any_of(front, ties)) with_ties.push_back(i);
  }
  return true_of(with_ties);
}

std::pair<int, int> SearchRun::twins_tied() const {
  std::pair<int, int> tied;
  for (const std::size_t i : pareto_front(told_)) {
    Point twin = points_[i];
    twin.back() = 1 - twin.back();
    const auto other = std::ranges::find(points_, twin);
    if (other == points_.end()) continue;
    tied.first += indistinct(estimates_[i], estimates_[std::size_t(other - points_.begin())]);
    ++tied.second;
  }
  return tied;
}

Worth SearchRun::worth() const {
  if (!measured_.feasible) {
    const auto second = [](const Scores& scores) { return scores[1]; };
    double least = INFINITY, found = INFINITY;
    for (const auto& [point, scores] : measured_.scores) least = std::min(least, second(scores));
    for (const Scores& scores : true_) found = std::min(found, second(scores));
    const double share = std::exp(least - found);
    return {share, share, share};
  }
  const double whole = hypervolume(measured_.front, measured_.reference);
  const auto share = [&](const std::vector<Scores>& scores) {
    return hypervolume(scores, measured_.reference) / whole;
  };
  std::vector<std::size_t> all(true_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return {share(returned()), share(returned_with_ties()), share(true_of(all))};
}

Worth SearchRun::worth_after(int n_trials) const {
  return worths_.empty() ? Worth{} : worths_[std::min(std::size_t(n_trials), worths_.size()) - 1];
}

double SearchRun::trials_to(double share, double Worth::*of) const {
  const auto first = std::ranges::find_if(worths_, [&](const Worth& w) { return w.*of >= share; });
  return first == worths_.end() ? INFINITY : double(first - worths_.begin() + 1);
}

std::vector<Scores> SearchRun::true_of(const std::vector<std::size_t>& trials) const {
  std::vector<Scores> scores;
  for (const std::size_t i : trials)
    if (measured_.meets(true_[i])) scores.push_back(true_[i]);
  return scores;
}

}  // namespace paretune
