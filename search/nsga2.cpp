// NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002, doi:10.1109/4235.996017) on choice indices, one
// child at a time: each told trial enters the population and the worst member leaves, by rank, then
// crowding. The one-at-a-time form suits trials that are dear, and makes the population a function
// of the tells alone.
#include <algorithm>
#include <climits>
#include <cmath>

#include "search/pareto.h"
#include "search/sequential.h"

namespace paretune {
namespace {

constexpr std::uint64_t kBreed = 0x2562;  // key of a decision's draws

// Chosen among populations of 8 to 32 and 0.7 to 1.5 mutations on ZDT1-3 and DTLZ2 of 8 dimensions
// (medians of 21 seeds at 400 trials), where the small ones of both lead. On the measured
// convolution space (bench/search_bench) 8 to 16 lead 24, and 0.7 and 1 mutations are alike.
constexpr std::size_t kPopulation = 12;
constexpr double kCrossover = 0.9;
constexpr double kMutations = 0.7;  // dimensions changed per child, on average
constexpr int kAttempts = 64;       // children bred for one that is new

class Nsga2 final : public SequentialStrategy {
 public:
  Nsga2(const Space& space, const SearchSetup& setup) : SequentialStrategy(space, setup) {
    for (int n : space.n_choices) n_searched_ += n > 1;
  }

 private:
  struct Member {
    std::size_t trial;  // index into trials()
    int rank = 0;
    double crowding = 0;
  };

  static bool better(const Member& a, const Member& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.crowding > b.crowding;
  }

  void learn(std::size_t index) override {
    if (std::ranges::find(population_, index, &Member::trial) == population_.end()) {
      population_.push_back({index});
    }
    grade();
    if (population_.size() <= kPopulation) return;
    population_.erase(std::ranges::max_element(population_, better));
    grade();
  }

  // Ranks and crowding; the infeasible come last and are alike.
  void grade() {
    std::vector<Member*> members;
    std::vector<Scores> scores;
    for (Member& member : population_) {
      member.rank = INT_MAX;
      member.crowding = 0;
      if (!trials()[member.trial].scores) continue;
      members.push_back(&member);
      scores.push_back(*trials()[member.trial].scores);
    }
    const std::vector<int> ranks = non_dominated_ranks(scores);
    const int n_ranks = ranks.empty() ? 0 : *std::ranges::max_element(ranks) + 1;
    for (int rank = 0; rank < n_ranks; ++rank) {
      std::vector<Member*> front;
      std::vector<Scores> front_scores;
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (ranks[i] != rank) continue;
        front.push_back(members[i]);
        front_scores.push_back(scores[i]);
      }
      const std::vector<double> crowding = crowding_distances(front_scores);
      for (std::size_t i = 0; i < front.size(); ++i) {
        front[i]->rank = rank;
        front[i]->crowding = crowding[i];
      }
    }
  }

  std::optional<Point> next() override {
    if (n_decided() < design_size()) return fresh_sobol();
    if (population_.empty()) return fresh_random();
    Rng draws = rng(kBreed);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      // The longer nothing new is found, the further the children stray.
      const double rate = (kMutations + attempt / 8) / std::max(n_searched_, 1);
      if (std::optional<Point> child = fresh(breed(draws, rate))) return child;
    }
    return fresh_random();
  }

  const Point& select(Rng& draws) const {
    const Member& a = population_[draws.below(int(population_.size()))];
    const Member& b = population_[draws.below(int(population_.size()))];
    return trials()[(better(a, b) ? a : b).trial].point;
  }

  Point breed(Rng& draws, double rate) const {
    Point child = select(draws);
    const Point& other = select(draws);
    if (draws.uniform() < kCrossover) {
      for (std::size_t d = 0; d < child.size(); ++d) {
        if (draws.uniform() < 0.5) child[d] = other[d];
      }
    }
    for (std::size_t d = 0; d < child.size(); ++d) {
      if (space().n_choices[d] > 1 && draws.uniform() < rate) child[d] = mutate(draws, d, child[d]);
    }
    return child;
  }

  // Another choice: of an ordinal dimension a near one, the step's length geometric; else any.
  int mutate(Rng& draws, std::size_t dimension, int choice) const {
    const int n = space().n_choices[dimension];
    if (is_ordinal(space(), dimension)) {
      const int step = 1 + int(-std::log2(1 - draws.uniform()));
      const int moved = draws.uniform() < 0.5 ? choice - step : choice + step;
      if (moved >= 0 && moved < n) return moved;
    }
    const int other = draws.below(n - 1);
    return other + (other >= choice);
  }

  int n_searched_ = 0;  // dimensions with more than one choice
  std::vector<Member> population_;
};

}  // namespace

std::unique_ptr<Strategy> make_nsga2(const Space& space, const SearchSetup& setup) {
  return std::make_unique<Nsga2>(space, setup);
}

}  // namespace paretune
