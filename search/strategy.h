// A search strategy: scores into the next points to try. Ask/tell, so that budget, cache, resume
// and parallel evaluation are written once, by the caller.
//
// Every decision is a pure function of the space, the seed, the tells in their order and the points
// asked but not yet told. So a killed study resumes by telling the recorded trials to a fresh
// strategy: its next ask is the one that the lost process would have made.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "search/space.h"

namespace paretune {

using Scores = std::vector<double>;  // one per objective, smaller is better

// A trial's scores, or predicted ones, and how far it misses what it is held to.
struct Judged {
  Scores scores;
  // 0: it meets every limit. Else so large that any score raised by it is beaten by what meets
  // them, and larger the farther it misses.
  double excess = 0;

  Judged(Scores s, double e = 0)
      : scores(std::move(s)), excess(e) {}  // not explicit: most have no limits
  Scores raised() const;  // each by the excess: misses are dominated, and still point the way
};

// What the best points found may still lack, by a strategy's models.
struct Regret {
  // 95 % quantile of the share of the hypervolume of all points together that the front of the
  // trials lacks.
  double share = 1;
  // Of that hypervolume, in the units of the scores. Its axes are logarithmic where no score is
  // negative.
  Scores reference;
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // At most n points, valid and canonical, none asked or told before. Empty: nothing left to try.
  // Several asks may be pending at once; their points are told in any order, or never.
  virtual std::vector<Point> ask(int n) = 0;

  // nullopt, or numbers that are not all finite: it failed. Points that were never asked (the
  // default config, an older study's trials) are welcome; of a point told twice the last scores
  // count.
  virtual void tell(const Point& point, const std::optional<Judged>& judged) = 0;

  // nullopt: not known, or not yet. Changes no decision.
  virtual std::optional<Regret> regret() { return std::nullopt; }
};

// What is known before the first trial, beside the space.
struct SearchSetup {
  int n_objectives = 1;  // >= 1
  std::uint64_t seed = 1;

  // Predicted scores, in the units of the scores; nullopt: nothing is known there, and a component
  // that is not finite says nothing. May be biased, or plain wrong: how far it is believed is
  // learned from the trials. Pure. Empty: there is none.
  std::function<std::optional<Judged>(const Point&)> prior;

  // Expected seconds of a trial, > 0, by what was told so far. Empty: all trials take alike.
  std::function<double(const Point&)> seconds;

  std::vector<bool> exact;  // per objective: trials carry no noise; empty: all do

  // A key: where it is the same, so are the exact objectives, and one trial tells them of all such
  // points. Pure. Empty: of none is that known.
  std::function<std::uint64_t(const Point&)> alike;
};

// Throws std::runtime_error where the space is malformed (check_space).
using MakeStrategy = std::unique_ptr<Strategy>(const Space& space, const SearchSetup& setup);

MakeStrategy make_exhaustive, make_random, make_sobol, make_coordinate, make_nsga2, make_portfolio;

struct StrategyRow {
  std::string_view name;
  std::string_view summary;
  MakeStrategy* make;
  bool uses_prior = false;  // SearchSetup::prior
};

inline constexpr std::array kStrategies{
    StrategyRow{"portfolio", "models the scores in several ways and tries what promises most",
                make_portfolio, true},
    StrategyRow{"nsga2", "evolves a population spread over the Pareto front", make_nsga2},
    StrategyRow{"coordinate", "descends one dimension at a time, from many starts",
                make_coordinate},
    StrategyRow{"sobol", "fills the space evenly", make_sobol},
    StrategyRow{"random", "draws points uniformly", make_random},
    StrategyRow{"exhaustive", "tries every point, in order", make_exhaustive},
};

// Throws std::runtime_error with the known names.
const StrategyRow& find_strategy(std::string_view name);

}  // namespace paretune
