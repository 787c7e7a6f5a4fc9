// Bayesian optimization: each objective is foretold by a blend of models, and of many candidates
// the one is tried that is expected to add most hypervolume to the front, weighed by its chance of
// meeting every limit, that of running at all, and by what the trial costs. Some moves are kept for
// chance and for local steps (local_step.h), so that a wrong model cannot starve a region. Where
// there is no prior to say which regions are worth it, most steps are local.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "search/blend.h"
#include "search/improvement.h"
#include "search/limit_model.h"
#include "search/local_step.h"
#include "search/pareto.h"
#include "search/pool.h"
#include "search/regret.h"
#include "search/scale.h"
#include "search/scouts.h"
#include "search/sequential.h"
#include "search/thinned_front.h"

namespace paretune {
namespace {

constexpr std::uint64_t kModel = 0xf0, kMove = 0xf1, kRegret = 0xf2,
                        kScouts = 0xf3;  // keys of draws
constexpr double kChance = 0.05;         // share of moves left to chance
// Share of local steps. Alone they may never see a region that they would have to cross worse ones
// to.
constexpr double kLocal = 0.05, kBlindLocal = 0.75;  // with a prior, without
constexpr std::size_t kBlindDesign = 4;  // trials before learning, at most, where there is no prior
constexpr std::size_t kFrontOf3 = 48, kFrontOfMore = 12;

constexpr double kLeastChance = 1e-3;  // so that no model rules anything out

constexpr std::size_t kSampled = 200;  // points whose scores are sampled for the regret
// Of the regret's odds: where there is a prior, of whatever worth, that much covers what is true in
// 90 % of the runs or more (bench/search_results.md). Without one the models are too sure at first.
constexpr double kInflation = 3;

class Portfolio final : public SequentialStrategy {
 public:
  Portfolio(const Space& space, const SearchSetup& setup)
      : SequentialStrategy(space, setup), pool_(space) {}

  std::optional<Regret> regret() override {
    if (!setup().prior || trials().size() < design() || none_is_feasible()) return std::nullopt;
    if (regret_) return regret_;
    if (!model_) model_ = fit();
    Rng draws = rng(kRegret);
    const std::vector<Scores> front = thinned(model_->front_scores);
    const Scores reference = reference_of(front);
    const std::vector<Point> candidates = candidates_near(model_->front, draws);
    const std::vector<Promise> promise = promises(candidates, front);
    std::vector<std::size_t> order(candidates.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater{},
                             [&](std::size_t i) { return promise[i].gain * promise[i].feasible; });
    order.resize(std::min(order.size(), kSampled));
    std::vector<Point> points;
    std::vector<double> feasible;
    for (std::size_t i : order) {
      points.push_back(candidates[i]);
      feasible.push_back(promise[i].feasible);
    }
    const std::vector<Priors> priors = priors_of(points, *model_);
    std::vector<std::vector<Moments>> predicted = predict(points);
    std::vector<Foretold> foretold;
    for (std::size_t j = 0; j < priors.size(); ++j) {
      const Blend& blend = model_->objectives[j];
      foretold.push_back({std::move(predicted[j]), blend.correlations(points, priors[j])});
    }
    const double share = hypervolume_regret(front, reference, foretold, feasible, draws);
    const double inflated = kInflation * share / (1 - share + kInflation * share);
    regret_ = Regret{inflated, model_->scale.inverse(reference)};
    return regret_;
  }

 private:
  struct Model {
    Scale scale;
    Scores corner;  // what is beyond it is foretold roughly
    std::vector<Blend> objectives;
    std::vector<Forest> feasible;  // foretells which run; none while nothing has failed
    std::optional<LimitModel> limits;
    bool none_met() const { return limits->none_met(); }  // then scores are raised by the excess
    std::vector<Point> points;   // of the trials that count: met the limits, or none did
    std::vector<Scores> scores;  // theirs, scaled
    std::vector<Point> front;
    std::vector<Scores> front_scores;                 // scaled, denoised
    std::unordered_map<std::uint64_t, Scores> alike;  // by key: the same, of the exact objectives
  };

  void learn(std::size_t) override {
    model_.reset();
    regret_.reset();
  }

  std::optional<Point> next() override {
    if (n_decided() < design()) {
      if (setup().prior) {
        if (std::optional<Point> point = best_by_prior()) return point;
      }
      return fresh_sobol();
    }
    if (none_is_feasible()) return fresh_random();
    if (!model_) model_ = fit();
    Rng draws = rng(kMove);
    const double move = draws.uniform();
    if (move < kChance) return fresh_random();
    if (model_->none_met()) {
      const std::optional<Point> nearest = nearest_to_limits(candidates_near(model_->front, draws));
      return nearest ? nearest : fresh_random();
    }
    if (move < kChance + (setup().prior ? kLocal : kBlindLocal)) {
      const Chances chances = [this](const std::vector<Point>& points) {
        return chances_of(points);
      };
      if (auto point = local_step(log(), model_->points, model_->scores, chances, draws))
        return point;
    }
    const std::vector<Point> candidates = candidates_near(model_->front, draws);
    if (candidates.empty()) return fresh_random();
    return most_promising(candidates);
  }

  std::size_t design() const {
    return setup().prior ? design_size() : std::min(design_size(), kBlindDesign);
  }

  bool none_is_feasible() const {
    const auto is_feasible = [](const Observation& trial) { return trial.scores.has_value(); };
    return std::ranges::none_of(trials(), is_feasible);
  }

  const std::optional<Judged>& prior_of(const Point& point) const {
    const auto [entry, is_new] = priors_.try_emplace(point);
    if (is_new && setup().prior) entry->second = setup().prior(point);
    return entry->second;
  }

  bool is_exact(std::size_t objective) const {
    return !setup().exact.empty() && setup().exact[objective];
  }

  std::uint64_t key_of(const Point& point) const {
    const auto [entry, is_new] = keys_.try_emplace(point, 0);
    if (is_new) entry->second = setup().alike(point);
    return entry->second;
  }

  // Per objective, the points' priors on the scale of the trials.
  std::vector<Priors> priors_of(const std::vector<Point>& points, const Model& model) const {
    std::vector<Priors> priors(static_cast<std::size_t>(n_objectives()));
    if (!setup().prior) return priors;
    const Scores unknown(priors.size(), NAN);
    for (const Point& point : points) {
      const std::optional<Judged>& prior = prior_of(point);
      Scores scaled = unknown;
      if (prior) scaled = model.scale(model.none_met() ? prior->raised() : prior->scores);
      compress(scaled, model.corner);
      for (std::size_t j = 0; j < priors.size(); ++j) priors[j].push_back(scaled[j]);
    }
    return priors;
  }

  // What the prior thinks best of a space that is too large to be taken whole.
  const std::vector<Point>& scouts() const {
    if (!scouts_) {
      scouts_.emplace();
      if (setup().prior && !pool_.whole())
        scouts_ = scout(space(), setup().prior, Rng{seed(), kScouts});
    }
    return *scouts_;
  }

  // Fresh points to choose from.
  std::vector<Point> candidates_near(const std::vector<Point>& centers, Rng& draws) const {
    std::vector<Point> points = pool_.candidates(log(), centers, draws);
    for (const Point& point : scouts())
      if (log().is_fresh(point)) points.push_back(point);
    return points;
  }

  // Where the prior alone expects the most improvement on what is tried or pending.
  std::optional<Point> best_by_prior() const {
    Rng draws{seed(), kMove};
    std::vector<Point> points =
        pool_.whole() ? *pool_.whole() : pool_.candidates(TrialLog(space()), {}, draws);
    points.insert(points.end(), scouts().begin(), scouts().end());
    std::vector<Observation> predicted;
    for (const Point& point : points) {
      if (const std::optional<Judged>& prior = prior_of(point))
        predicted.push_back({point, prior->raised(), prior->excess});
    }
    const std::vector<std::size_t> known = keep_known(predicted);
    if (predicted.empty() || known.empty()) return std::nullopt;
    const Scale scale(predicted, int(known.size()));
    std::vector<Scores> all, believed;
    for (const Observation& o : predicted) all.push_back(scale(*o.scores));
    const std::vector<std::size_t> front = pareto_front(all);
    std::vector<Scores> front_scores;
    for (std::size_t i : front) front_scores.push_back(all[i]);
    const Scores reference = reference_of(front_scores);
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      if (!log().is_fresh(predicted[i].point)) believed.push_back(all[i]);
    }
    const Improvement improvement(thinned(believed), reference);
    const Point* best = nullptr;
    double best_gain = -1;
    for (std::size_t i : front) {
      if (!log().is_fresh(predicted[i].point)) continue;
      std::vector<Moments> moments;
      for (double score : all[i]) moments.push_back({score, 1e-4});
      const double gain = improvement.expected(moments);
      if (gain > best_gain) best_gain = gain, best = &predicted[i].point;
    }
    return best ? std::optional(*best) : std::nullopt;
  }

  static void compress(Scores& scores, const Scores& corner) {
    constexpr double width = 0.1;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (scores[j] > corner[j])
        scores[j] = corner[j] + width * std::log1p((scores[j] - corner[j]) / width);
    }
  }

  // The points' excesses as the prior has them.
  Priors excesses_of(const std::vector<Point>& points) const {
    Priors excesses;
    for (std::size_t i = 0; setup().prior && i < points.size(); ++i) {
      const std::optional<Judged>& prior = prior_of(points[i]);
      excesses.push_back(prior ? prior->excess : NAN);
    }
    return excesses;
  }

  Model fit() const {
    std::vector<Point> points, tried;
    std::vector<double> feasible, excesses;
    std::vector<Observation> met;
    for (const Observation& trial : trials()) {
      tried.push_back(trial.point);
      feasible.push_back(trial.scores ? 1 : 0);
      if (!trial.scores) continue;
      points.push_back(trial.point);
      excesses.push_back(trial.excess);
      if (trial.excess == 0) met.push_back(trial);
    }
    Model model{.scale = Scale(met.empty() ? trials() : met, n_objectives()),
                .limits = LimitModel(space(), points, excesses, excesses_of(points),
                                     Rng{seed(), kModel, ~1ull, trials().size()})};
    std::vector<Scores> scores;
    std::vector<std::size_t> counted;  // indices into scores: met the limits, or none did
    for (const Observation& trial : trials()) {
      if (!trial.scores) continue;
      Scores plain = *trial.scores;
      if (!model.none_met())
        for (double& score : plain) score -= trial.excess;
      if (model.none_met() || trial.excess == 0) counted.push_back(scores.size());
      scores.push_back(model.scale(plain));
    }
    model.corner = reference_of(front_among(scores, counted).scores);
    for (Scores& s : scores) compress(s, model.corner);
    for (const std::size_t i : counted) {
      model.points.push_back(points[i]);
      model.scores.push_back(scores[i]);
    }
    const std::vector<Priors> priors = priors_of(points, model);
    for (std::size_t j = 0; j < std::size_t(n_objectives()); ++j) {
      std::vector<double> values;
      for (const Scores& s : scores) values.push_back(s[j]);
      const Blend& blend = model.objectives.emplace_back(
          space(), points, values, priors[j], is_exact(j), Rng{seed(), kModel, j, trials().size()});
      for (std::size_t i = 0; i < scores.size(); ++i) scores[i][j] = blend.denoised()[i];
    }
    for (std::size_t i = 0; setup().alike && i < points.size(); ++i) {
      Scores& known = model.alike.try_emplace(key_of(points[i]), scores[i]).first->second;
      // While nothing meets the limits, what misses them more is told as worse than it is.
      for (std::size_t j = 0; j < known.size(); ++j) known[j] = std::min(known[j], scores[i][j]);
    }
    if (points.size() < tried.size()) {
      model.feasible.emplace_back(space(), tried, feasible,
                                  Rng{seed(), kModel, ~0ull, trials().size()});
    }
    Front front = front_among(scores, counted);
    for (const std::size_t i : front.indices) model.front.push_back(points[i]);
    model.front_scores = std::move(front.scores);
    return model;
  }

  // Per point, the chance that it runs and meets every limit; while nothing does, that it runs.
  std::vector<double> chances_of(const std::vector<Point>& points) const {
    std::vector<double> chances = model_->limits->chances(points, excesses_of(points));
    for (const Forest& forest : model_->feasible) {
      for (std::size_t i = 0; i < points.size(); ++i)
        chances[i] *= std::max(forest.predict(points[i]).mean, kLeastChance);
    }
    return chances;
  }

  // Per objective, per point.
  std::vector<std::vector<Moments>> predict(const std::vector<Point>& points) const {
    const std::vector<Priors> priors = priors_of(points, *model_);
    std::vector<std::vector<Moments>> moments;
    for (std::size_t j = 0; j < priors.size(); ++j)
      moments.push_back(model_->objectives[j].predict(points, priors[j]));
    for (std::size_t i = 0; setup().alike && i < points.size(); ++i) {
      const auto known = model_->alike.find(key_of(points[i]));
      if (known == model_->alike.end()) continue;
      for (std::size_t j = 0; j < moments.size(); ++j) {
        if (is_exact(j)) moments[j][i] = {known->second[j], 0};
      }
    }
    return moments;
  }

  // Per point: what its trial is expected to add to the front, and its chance of running and of
  // meeting every limit.
  struct Promise {
    double gain, feasible;
  };

  std::vector<Promise> promises(const std::vector<Point>& points,
                                const std::vector<Scores>& front) const {
    const Improvement improvement(front, reference_of(front));
    const std::vector<std::vector<Moments>> predicted = predict(points);
    const std::vector<double> chances = chances_of(points);
    std::vector<Promise> promises;
    std::vector<Moments> moments(predicted.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (std::size_t j = 0; j < moments.size(); ++j) moments[j] = predicted[j][i];
      promises.push_back({improvement.expected(moments), chances[i]});
    }
    return promises;
  }

  // While nothing meets the limits: what is expected to come nearest to them. nullopt: all trials
  // are as far, or there is no point.
  std::optional<Point> nearest_to_limits(const std::vector<Point>& points) const {
    const std::vector<double> gains = model_->limits->approaches(points, excesses_of(points));
    if (gains.empty()) return std::nullopt;
    const std::vector<double> chances = chances_of(points);
    std::size_t best = 0;
    for (std::size_t i = 1; i < points.size(); ++i)
      if (chances[i] * gains[i] > chances[best] * gains[best]) best = i;
    return points[best];
  }

  Point most_promising(const std::vector<Point>& points) const {
    // What is pending counts as found where it is predicted ("kriging believer", Ginsbourger et al.
    // 2010).
    std::vector<Scores> front = model_->front_scores;
    const std::vector<Point> pending = log().pending();
    const std::vector<std::vector<Moments>> believed = predict(pending);
    for (std::size_t i = 0; i < pending.size(); ++i) {
      Scores& scores = front.emplace_back();
      for (const std::vector<Moments>& of_one : believed) scores.push_back(of_one[i].mean);
    }
    const std::vector<Promise> promise = promises(points, thinned(front));
    std::size_t best = 0;
    double best_rate = -1;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double seconds = setup().seconds ? setup().seconds(points[i]) : 1;
      const double rate = promise[i].gain * promise[i].feasible / seconds;
      if (rate > best_rate) {
        best_rate = rate;
        best = i;
      }
    }
    return points[best];
  }

  // Boxes grow with the front's size to the power of the objectives less one.
  std::vector<Scores> thinned(const std::vector<Scores>& scores) const {
    return thinned_front(scores, n_objectives() <= 3 ? kFrontOf3 : kFrontOfMore);
  }

  Pool pool_;
  mutable std::optional<std::vector<Point>> scouts_;  // none: not looked for yet
  mutable std::unordered_map<Point, std::optional<Judged>, PointHash> priors_;
  mutable std::unordered_map<Point, std::uint64_t, PointHash> keys_;
  std::optional<Model> model_;    // of all trials; none: not fitted yet
  std::optional<Regret> regret_;  // of all trials; none: not asked yet
};

}  // namespace

std::unique_ptr<Strategy> make_portfolio(const Space& space, const SearchSetup& setup) {
  return std::make_unique<Portfolio>(space, setup);
}

}  // namespace paretune
