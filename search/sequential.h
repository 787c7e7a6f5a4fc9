// What all strategies share: the log of trials, which points are used up, and chance keyed by the
// decision at hand. A strategy derives from it and decides one point at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "search/rng.h"
#include "search/strategy.h"
#include "search/sweep.h"

namespace paretune {

struct Observation {
  Point point;
  std::optional<Scores> scores;  // nullopt: infeasible
};

class SequentialStrategy : public Strategy {
 public:
  std::vector<Point> ask(int n) final;
  void tell(const Point& point, const std::optional<Scores>& scores) final;

 protected:
  SequentialStrategy(const Space& space, int n_objectives, std::uint64_t seed);

  // The next point; nullopt: none is left. Must depend on the trials, the pending points and the
  // seed alone: what it caches may only be what these imply.
  virtual std::optional<Point> next() = 0;

  // trials()[index] was just told, for the first time or with new scores.
  virtual void learn(std::size_t index) { (void)index; }

  const Space& space() const { return space_; }
  int n_objectives() const { return n_objectives_; }
  std::uint64_t seed() const { return seed_; }
  const std::vector<Observation>& trials() const { return trials_; }  // in the order first told
  const Observation* find(const Point& canonical) const;              // nullptr: not told yet
  std::size_t n_decided() const { return trials_.size() + pending_.size(); }

  std::vector<Point> pending() const;  // asked, not told yet; sorted

  // Trials before learning starts: modest, since with tens of trials a larger design leaves nothing
  // to learn for.
  std::size_t design_size() const;

  // The canonical form of any point, if it is valid and neither told nor pending.
  std::optional<Point> fresh(const Point& point) const;

  // The same numbers whenever the same decision is taken. stage: tells apart draws of one decision.
  Rng rng(std::uint64_t stage) const;

  Point random_point(Rng& rng) const;
  std::optional<Point> fresh_random() const;  // nullopt only where nothing is left
  std::optional<Point> fresh_sobol();         // likewise

 private:
  std::optional<Point> fresh_sweep() const;

  const Space space_;
  const int n_objectives_;
  const std::uint64_t seed_;
  std::vector<Observation> trials_;
  std::unordered_map<Point, std::size_t, PointHash> index_;  // into trials_
  std::unordered_set<Point, PointHash> pending_;
  std::uint64_t n_tells_ = 0;
  mutable Sweep sweep_;
  std::uint32_t sobol_index_ = 0;  // all Sobol points before it are used up
};

}  // namespace paretune
