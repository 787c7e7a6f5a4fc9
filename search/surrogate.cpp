// Bayesian optimization with random forests: each objective gets a forest over the trials so far,
// and of many candidates the one is tried that is expected to add most hypervolume to the front,
// weighed by its chance of being feasible. A finite pool makes the maximization exact and free of
// gradients. Some moves are kept for chance, so that a wrong model cannot starve a region.
#include <algorithm>
#include <limits>
#include <unordered_set>

#include "search/forest.h"
#include "search/improvement.h"
#include "search/pareto.h"
#include "search/scale.h"
#include "search/sequential.h"

namespace paretune {
namespace {

constexpr std::uint64_t kForest = 0xf0, kMove = 0xf1;  // keys of draws
constexpr double kReserve = 0.1;                       // share of moves left to chance
constexpr int kRandomCandidates = 512;
constexpr std::size_t kNeighbours = 1024;  // candidates beside the front, at most
// Boxes grow with the front's size to the power of the objectives less one.
constexpr std::size_t kFrontOf3 = 48, kFrontOfMore = 12;

class Surrogate final : public SequentialStrategy {
 public:
  Surrogate(const Space& space, int n_objectives, std::uint64_t seed)
      : SequentialStrategy(space, n_objectives, seed) {}

 private:
  struct Model {
    Scale scale;
    std::vector<Forest> objectives;
    std::vector<Forest> feasible;  // none while nothing has failed
    std::vector<Point> front;
    std::vector<Scores> front_scores;  // scaled
  };

  void learn(std::size_t) override { model_.reset(); }

  std::optional<Point> next() override {
    if (n_decided() < design_size()) return fresh_sobol();
    const auto is_feasible = [](const Observation& trial) { return trial.scores.has_value(); };
    if (std::ranges::none_of(trials(), is_feasible)) return fresh_random();
    if (!model_) model_ = fit();
    Rng draws = rng(kMove);
    if (draws.uniform() < kReserve) return chance_move(draws);
    const std::vector<Point> pool = candidates(draws);
    if (pool.empty()) return fresh_random();
    return most_promising(pool);
  }

  Model fit() const {
    Model model{.scale = Scale(trials(), n_objectives())};
    std::vector<Point> points, tried;
    std::vector<Scores> scores;
    std::vector<double> feasible;
    for (const Observation& trial : trials()) {
      tried.push_back(trial.point);
      feasible.push_back(trial.scores ? 1 : 0);
      if (!trial.scores) continue;
      points.push_back(trial.point);
      scores.push_back(model.scale(*trial.scores));
    }
    for (std::size_t j = 0; j < std::size_t(n_objectives()); ++j) {
      std::vector<double> values;
      for (const Scores& s : scores) values.push_back(s[j]);
      model.objectives.emplace_back(space(), points, values,
                                    Rng{seed(), kForest, j, trials().size()});
    }
    if (points.size() < tried.size()) {
      model.feasible.emplace_back(space(), tried, feasible,
                                  Rng{seed(), kForest, ~0ull, trials().size()});
    }
    for (std::size_t i : pareto_front(scores)) {
      model.front.push_back(points[i]);
      model.front_scores.push_back(scores[i]);
    }
    return model;
  }

  // One dimension of a member of the front changed, or any point.
  std::optional<Point> chance_move(Rng& draws) const {
    if (draws.uniform() < 0.5) {
      Point point = model_->front[std::size_t(draws.below(int(model_->front.size())))];
      const auto dimension = std::size_t(draws.below(int(point.size())));
      point[dimension] = draws.below(space().n_choices[dimension]);
      if (std::optional<Point> moved = fresh(point)) return moved;
    }
    return fresh_random();
  }

  // Points that differ from a member of the front in one dimension, and random ones.
  std::vector<Point> candidates(Rng& draws) const {
    std::vector<Point> pool;
    std::unordered_set<Point, PointHash> seen;
    const auto add = [&](const Point& point) {
      std::optional<Point> candidate = fresh(point);
      if (candidate && seen.insert(*candidate).second) pool.push_back(*std::move(candidate));
    };
    for (const Point& member : model_->front) {
      for (std::size_t d = 0; d < member.size(); ++d) {
        Point point = member;
        for (int choice = 0; choice < space().n_choices[d]; ++choice) {
          point[d] = choice;
          add(point);
        }
      }
    }
    if (pool.size() > kNeighbours) {
      for (std::size_t i = 0; i < kNeighbours; ++i) {
        std::swap(pool[i], pool[i + std::size_t(draws.below(int(pool.size() - i)))]);
      }
      pool.resize(kNeighbours);
    }
    for (int i = 0; i < kRandomCandidates; ++i) add(random_point(draws));
    return pool;
  }

  std::vector<Moments> predict(const Point& point) const {
    std::vector<Moments> moments;
    for (const Forest& forest : model_->objectives) moments.push_back(forest.predict(point));
    return moments;
  }

  Point most_promising(const std::vector<Point>& pool) const {
    // What is pending counts as found where it is predicted ("kriging believer", Ginsbourger et al.
    // 2010).
    std::vector<Scores> front = model_->front_scores;
    for (const Point& point : pending()) {
      Scores believed;
      for (const Moments& m : predict(point)) believed.push_back(m.mean);
      front.push_back(std::move(believed));
    }
    front = thinned(front);
    const Improvement improvement(front, reference_of(front));
    const Point* best = nullptr;
    double best_gain = -1;
    for (const Point& point : pool) {
      double gain = improvement.expected(predict(point));
      for (const Forest& forest : model_->feasible)
        gain *= std::max(forest.predict(point).mean, 1e-3);
      if (gain > best_gain) {
        best_gain = gain;
        best = &point;
      }
    }
    return *best;
  }

  std::vector<Scores> thinned(const std::vector<Scores>& scores) const {
    std::vector<Scores> front;
    for (std::size_t i : pareto_front(scores)) front.push_back(scores[i]);
    const std::size_t limit = n_objectives() <= 3 ? kFrontOf3 : kFrontOfMore;
    while (front.size() > limit) {
      const std::vector<double> crowding = crowding_distances(front);
      front.erase(front.begin() + (std::ranges::min_element(crowding) - crowding.begin()));
    }
    return front;
  }

  // The front's worst plus a tenth of its range (Ishibuchi et al. 2018, doi:10.1162/evco_a_00226),
  // at least a tenth of the range of all trials, so that a front of one point can still be
  // extended.
  static Scores reference_of(const std::vector<Scores>& front) {
    Scores reference;
    for (std::size_t j = 0; j < front[0].size(); ++j) {
      double low = std::numeric_limits<double>::infinity(), high = -low;
      for (const Scores& s : front) {
        low = std::min(low, s[j]);
        high = std::max(high, s[j]);
      }
      reference.push_back(high + std::max(0.1 * (high - low), 0.1));
    }
    return reference;
  }

  std::optional<Model> model_;  // of all trials; none: not fitted yet
};

}  // namespace

std::unique_ptr<Strategy> make_surrogate(const Space& space, int n_objectives, std::uint64_t seed) {
  return std::make_unique<Surrogate>(space, n_objectives, seed);
}

}  // namespace paretune
