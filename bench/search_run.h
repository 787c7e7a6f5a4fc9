// One run of a search on a space that was measured in full: what each trial tells, and the worth of
// what the run would return after it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "bench/measured_space.h"
#include "optimizer/intervals.h"

namespace paretune {

struct SearchCase {
  const char* name;
  const char* summary;
  int n_repetitions;  // a trial tells the median of so many recorded ones
  bool prior, inverted;
  double failing;       // share of the points that fail when tried
  double drift = 0;     // how much slower the machine is by the middle of the run, and stays
  bool canary = false;  // what is told is divided by the slowdown that a noisy canary shows
  double tails = 0;     // share of the repetitions that something slows down, some of them manifold
  std::optional<double> meets =
      {};              // share of the points that meet a limit on the second objective
  bool twins = false;  // every point twice
  int budget = 100;    // trials
};

// Times with their 95 % intervals, as `tune` has them of a trial: from the spread of repetitions
// where there are several, or as the data have it.
using Told = std::array<Estimate, 3>;

// Whole groups of neighbours fail, as a kernel that does not fit does.
std::vector<Point> failing_points(const MeasuredSpace& measured, double share);

// measured must outlive it.
SearchSetup setup_of(const MeasuredSpace& measured, const SearchCase& c, int seed);

// Of a run after some trial: shares of the exact front's hypervolume. Where nothing meets the
// limit: how near what comes nearest to it is, as a share of how near any point is.
struct Worth {
  double front = 0, with_ties = 0, measured = 0;
};

// The trials of one run, and the worth of what it would return after each. Both arguments must
// outlive it.
class SearchRun {
 public:
  SearchRun(const MeasuredSpace& measured, const SearchCase& c, std::uint64_t seed)
      : measured_(measured), case_(c), seed_(seed) {}

  // What the search is told, by a draw keyed by point and seed; nullopt: it fails.
  std::optional<Judged> trial(const Point& point);
  std::optional<Judged> measure(const Point& point);  // without its worth

  // True scores of the front of what was told; and of that and of what ties with any of it.
  std::vector<Scores> returned() const;
  std::vector<Scores> returned_with_ties() const;

  Worth worth() const;
  Worth worth_after(int n_trials) const;
  double trials_to(double share, double Worth::*of) const;  // infinite: never
  int n_trials() const { return int(worths_.size()); }

  // Of the twins of which one is on the front of what was told and both were measured: how many
  // are called ties, and how many there are.
  std::pair<int, int> twins_tied() const;

 private:
  double seeming_slowdown() const;                                            // of the next trial
  std::vector<Scores> true_of(const std::vector<std::size_t>& trials) const;  // that meet the limit

  const MeasuredSpace& measured_;
  const SearchCase& case_;
  std::uint64_t seed_;
  std::vector<Told> estimates_;  // of the feasible trials
  std::vector<Point> points_;
  std::vector<Scores> told_, true_;  // told: raised where it misses the limit
  std::vector<Worth> worths_;
};

}  // namespace paretune
