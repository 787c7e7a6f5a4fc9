// What all strategies share: the log of trials and chance keyed by the decision at hand. A strategy
// derives from it and decides one point at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "search/rng.h"
#include "search/strategy.h"
#include "search/sweep.h"
#include "search/trial_log.h"

namespace paretune {

class SequentialStrategy : public Strategy {
 public:
  std::vector<Point> ask(int n) final;
  void tell(const Point& point, const std::optional<Judged>& judged) final;

 protected:
  SequentialStrategy(const Space& space, const SearchSetup& setup);

  // The next point; nullopt: none is left. Must depend on the trials, the pending points and the
  // seed alone: what it caches may only be what these imply.
  virtual std::optional<Point> next() = 0;

  // trials()[index] was just told, for the first time or with new scores.
  virtual void learn(std::size_t index) { (void)index; }

  const TrialLog& log() const { return log_; }
  const Space& space() const { return log_.space(); }
  const std::vector<Observation>& trials() const { return log_.trials(); }
  std::optional<Point> fresh(const Point& point) const { return log_.fresh(point); }
  std::size_t n_decided() const { return log_.trials().size() + log_.n_pending(); }

  const SearchSetup& setup() const { return setup_; }
  int n_objectives() const { return setup_.n_objectives; }
  std::uint64_t seed() const { return setup_.seed; }

  // Trials before learning starts: modest, since with tens of trials a larger design leaves nothing
  // to learn for.
  std::size_t design_size() const;

  // The same numbers whenever the same decision is taken. stage: tells apart draws of one decision.
  Rng rng(std::uint64_t stage) const;

  Point random_point(Rng& rng) const;
  std::optional<Point> fresh_random() const;  // nullopt only where nothing is left
  std::optional<Point> fresh_sobol();         // likewise

 private:
  std::optional<Point> fresh_sweep() const;

  TrialLog log_;
  const SearchSetup setup_;
  mutable Sweep sweep_;
  std::uint32_t sobol_index_ = 0;  // all Sobol points before it are used up
};

}  // namespace paretune
