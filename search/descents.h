// Coordinate descent, many times over: each descent weighs the objectives at random, starts
// somewhere, and tries the other choices of one dimension after another until none improves.
// Where it stands is a function of the tells.
#pragma once

#include <cstdint>
#include <vector>

#include "search/scale.h"
#include "search/trial_log.h"

namespace paretune {

class Descents {
 public:
  Descents(const TrialLog& log, int n_objectives, std::uint64_t seed);  // keeps the log

  // Moves on as far as the trials tell.
  void learn();

  // What the descent waits for, if any of it is fresh: its start, else what is left of the current
  // line, else of the next line that has something left. Empty: all of that is used up.
  std::vector<Point> wanted() const;

 private:
  void begin();
  bool step();
  double cost(const Scale& scale, const Observation* trial) const;
  std::vector<Point> line(std::size_t dimension) const;
  Point random_point(Rng& rng) const;

  const TrialLog& log_;
  const int n_objectives_;
  const std::uint64_t seed_;
  int descent_ = 0;
  std::vector<double> weights_;
  Point incumbent_;
  std::vector<std::size_t> order_;  // dimensions
  std::size_t position_ = 0;        // in order_
  std::size_t n_unimproved_ = 0;    // dimensions in a row
};

}  // namespace paretune
