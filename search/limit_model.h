// What the trials tell of the limits that they are held to: how likely a point meets them all, and,
// while none does, how much nearer than any trial it may come.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "search/blend.h"

namespace paretune {

class LimitModel {
 public:
  // points: of the trials that ran, not empty, each with its excess (Judged::excess) and what the
  // prior has for it; priors: as Blend's, NaN where unknown.
  LimitModel(const Space& space, std::span<const Point> points, std::vector<double> excesses,
             Priors priors, Rng rng);

  bool none_met() const { return none_met_; }

  // That each point meets every limit; priors: its excesses. 1 while none met them.
  std::vector<double> chances(std::span<const Point> points, Priors priors) const;

  // While none met them: how much nearer than any trial each is expected to come, in units of the
  // range of what was tried. Empty: all trials are as far.
  std::vector<double> approaches(std::span<const Point> points, Priors priors) const;

 private:
  double place(double excess) const;
  Priors placed(Priors excesses) const;

  bool none_met_, none_missed_;
  double least_ = 1, range_ = 1;  // the least excess above 0, and the range of logarithms
  std::optional<Blend> blend_;    // of places; none where they are all the same
};

}  // namespace paretune
