#include "optimizer/policy_front.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "runtime/compression/narrowing.h"
#include "runtime/engine/model.h"

namespace paretune {
namespace {

// Where a product was not timed: what reading its weights takes at this rate.
constexpr double kAssumedBytesPerS = 20e9;

class Costs {
 public:
  Costs(const Target& target, const KernelTable& kernels, const RequestShape& request)
      : target_(target),
        kernels_(kernels),
        request_(request),
        whole_(Model::products(target.model)) {}

  // Of one layer's products of the kind for one request, those of a compensation included. left:
  // Model::products of what removed neurons leave of the shape.
  double seconds(LayerKind kind, const Treatment& treatment,
                 const std::vector<Model::Product>& left) const {
    const WeightFormat& format = *treatment.format;
    const ModelShape& s = target_.model;
    double sum = 0;
    for (std::size_t i = 0; i < whole_.size(); ++i) {
      const Model::Product& p = left[i];
      if (p.kind != kind) continue;
      constexpr int kChunk = 512;
      const bool expert =
          s.n_experts > 0 && (kind == LayerKind::gate_up || kind == LayerKind::down);
      const double side = expert ? 0 : side_seconds(treatment, p);
      // Where neurons were removed, what is left of a product that was timed whole; its kernel is
      // not tuned for that.
      const double part = double(p.n) * p.k / (double(whole_[i].n) * whole_[i].k);
      const auto of_rows = [&](int m) {
        return (part * product(format, whole_[i], m, part < 1) + side) / m;
      };
      const double prefill = p.every_row ? of_rows(kChunk) : 0;
      const double decode = of_rows(request_.batch);
      sum += (expert ? s.n_experts_used : 1) *
             (prefill * request_.input_tokens + decode * request_.output_tokens);
    }
    return sum;
  }

 private:
  // Reading A and Bᵀ, which no kernel tuner timed.
  static double side_seconds(const Treatment& treatment, const Model::Product& p) {
    const int columns = std::min({treatment.side_columns(), p.n, p.k});
    if (columns == 0) return 0;
    return double(kBf16.packed_bytes(columns, p.k) + kBf16.packed_bytes(p.n, columns)) /
           kAssumedBytesPerS;
  }

  static double seconds_of(const KernelChoice& choice, bool untuned) {
    return untuned ? choice.default_s : choice.tuned_s;
  }

  // Of m rows, from the nearest size that was timed.
  double product(const WeightFormat& format, const Model::Product& p, int m, bool untuned) const {
    const KernelChoice* nearest = nullptr;
    const auto distance = [&](const KernelChoice& choice) {
      return std::fabs(std::log2(double(choice.key.m) / m));
    };
    for (const KernelChoice& choice : kernels_.choices()) {
      if (choice.key.weights != &format || choice.key.n != p.n || choice.key.k != p.k) continue;
      if (seconds_of(choice, untuned) > 0 && (!nearest || distance(choice) < distance(*nearest)))
        nearest = &choice;
    }
    if (nearest) return seconds_of(*nearest, untuned) * m / nearest->key.m;
    return double(format.packed_bytes(p.n, p.k)) / kAssumedBytesPerS;
  }

  const Target& target_;
  const KernelTable& kernels_;
  const RequestShape& request_;
  const std::vector<Model::Product> whole_;
};

// A compensation costs time and bytes on every token: it is worth them only where the divergence
// falls by more than the standard error of the fall.
bool pays(const Sensitivity& s) {
  return s.treatment.rank == 0 || s.kl_saved > s.kl_saved_standard_error;
}

std::vector<const Sensitivity*> options_of(LayerKind kind,
                                           std::span<const Sensitivity> sensitivities) {
  std::vector<const Sensitivity*> options;
  for (const Sensitivity& s : sensitivities) {
    if (s.kind == kind && pays(s)) options.push_back(&s);
  }
  return options;
}

int layers_of(LayerKind kind, const ModelShape& shape) {
  return layer_kind_info(kind).per_layer ? shape.n_layers : 1;
}

// Sorted by divergence, each faster than all before it.
template <class Point>
void keep_front(std::vector<Point>& points) {
  std::ranges::sort(points, [](const Point& a, const Point& b) {
    return a.kl_divergence != b.kl_divergence ? a.kl_divergence < b.kl_divergence
                                              : a.seconds < b.seconds;
  });
  double fastest = std::numeric_limits<double>::infinity();
  std::erase_if(points, [&](const Point& point) {
    if (point.seconds >= fastest) return true;
    fastest = point.seconds;
    return false;
  });
}

// About `count` of a front's points, evenly by the logarithms of their divergences, which span
// orders of magnitude; both ends are kept.
template <class Point>
std::vector<Point> spread(const std::vector<Point>& front, int count) {
  if (int(front.size()) <= count || count <= 1) return front;
  const auto place = [](const Point& point) {
    return std::log(std::max(point.kl_divergence, 1e-7));
  };
  const double low = place(front.front()), high = place(front.back());
  std::vector<Point> chosen;
  std::size_t at = 0;
  for (int i = 0; i < count; ++i) {
    const double wanted = low + (high - low) * i / (count - 1);
    std::size_t best = at;
    for (std::size_t j = at; j < front.size(); ++j) {
      if (std::fabs(place(front[j]) - wanted) < std::fabs(place(front[best]) - wanted)) best = j;
    }
    chosen.push_back(front[best]);
    at = best + 1;
    if (at >= front.size()) break;
  }
  if (at < front.size()) chosen.push_back(front.back());
  return chosen;
}

// What some layers of a kind can have: one choice is to be taken of each stage.
struct Choice {
  const Treatment* treatment = nullptr;
  double kl_divergence = 0, seconds = 0;
  std::uint64_t bytes = 0;
};
struct Stage {
  LayerKind kind = LayerKind::qkv;
  int first = 0, last = 0;
  std::vector<Choice> choices;
};

// Sums over the stages so far.
struct Sum {
  double kl_divergence = 0, seconds = 0;
  std::uint64_t bytes = 0;
  int before = 0, choice = 0;  // indices into the sums before, and the stage's choices
};

// More points of a front than that between two stages are thinned: the knapsack is exact below.
constexpr int kMostSums = 3000;

std::vector<std::vector<Sum>> solve(const std::vector<Stage>& stages, double max_kl_divergence) {
  std::vector<std::vector<Sum>> fronts{{Sum{}}};
  for (const Stage& stage : stages) {
    std::vector<Sum> next;
    const std::vector<Sum>& before = fronts.back();
    for (std::size_t i = 0; i < before.size(); ++i) {
      for (std::size_t j = 0; j < stage.choices.size(); ++j) {
        const Choice& choice = stage.choices[j];
        const Sum sum{before[i].kl_divergence + choice.kl_divergence,
                      before[i].seconds + choice.seconds, before[i].bytes + choice.bytes, int(i),
                      int(j)};
        if (sum.kl_divergence <= max_kl_divergence) next.push_back(sum);
      }
    }
    keep_front(next);
    fronts.push_back(spread(next, kMostSums));
  }
  return fronts;
}

// The kind's layers get these, first to last.
void set_layers(Policy& policy, LayerKind kind, const std::vector<const Treatment*>& layers) {
  const Treatment* most = layers[0];
  std::ptrdiff_t count = 0;
  for (const Treatment* t : layers) {
    const auto n = std::ranges::count_if(layers, [&](const Treatment* o) { return *o == *t; });
    if (n > count) count = n, most = t;
  }
  policy.set(kind, *most);
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    if (*layers[layer] != *most) policy.set(kind, int(layer), *layers[layer]);
}

Policy policy_of(const std::vector<Stage>& stages, const std::vector<std::vector<Sum>>& fronts,
                 std::size_t point) {
  std::map<LayerKind, std::vector<const Treatment*>> layers;
  for (std::size_t s = stages.size(); s-- > 0;) {
    const Sum& sum = fronts[s + 1][point];
    const Stage& stage = stages[s];
    std::vector<const Treatment*>& of_kind = layers[stage.kind];
    of_kind.resize(std::max(of_kind.size(), std::size_t(stage.last) + 1));
    for (int layer = stage.first; layer <= stage.last; ++layer)
      of_kind[std::size_t(layer)] = stage.choices[std::size_t(sum.choice)].treatment;
    point = std::size_t(sum.before);
  }
  Policy policy;
  for (const auto& [kind, of_kind] : layers) {
    if (of_kind[0]) set_layers(policy, kind, of_kind);
  }
  return policy;
}

class Knapsack {
 public:
  Knapsack(std::span<const Sensitivity> sensitivities, const Target& target,
           const KernelTable& kernels, const RequestShape& request)
      : sensitivities_(sensitivities), shape_(target.model), costs_(target, kernels, request) {}

  // Of all policies by whole kinds, or by spans of layers where layers were measured.
  std::vector<PolicyPrediction> front(std::span<const LayerLoss> layers,
                                      double max_kl_divergence) const {
    std::set<int> neurons;  // what gate_up gives up, down gives up too, so it is fixed beforehand
    for (const Sensitivity& s : sensitivities_)
      if (s.kind == LayerKind::gate_up && pays(s)) neurons.insert(s.treatment.neurons);
    if (neurons.empty()) neurons.insert(0);
    std::vector<PolicyPrediction> all;
    for (const int removed : neurons) {
      const std::vector<Stage> stages = stages_of(removed, layers);
      const auto fronts = solve(stages, max_kl_divergence);
      for (std::size_t i = 0; i < fronts.back().size(); ++i) {
        const Sum& sum = fronts.back()[i];
        all.push_back({policy_of(stages, fronts, i), sum.kl_divergence, sum.seconds, sum.bytes});
      }
    }
    keep_front(all);
    return all;
  }

 private:
  std::vector<Stage> stages_of(int removed, std::span<const LayerLoss> layers) const {
    Policy narrowing;
    narrowing.set(LayerKind::gate_up, {.neurons = removed});
    const ModelShape left = narrowed(shape_, narrowing);
    const std::vector<Model::Product> products = Model::products(left);
    std::vector<Stage> stages;
    for (const LayerKind kind : kAllKinds) {
      std::vector<const Sensitivity*> options = options_of(kind, sensitivities_);
      if (kind == LayerKind::gate_up) {
        std::erase_if(options,
                      [&](const Sensitivity* s) { return s->treatment.neurons != removed; });
      }
      const auto stage = [&](int first, int last, double share) {
        Stage& made = stages.emplace_back(Stage{kind, first, last, {}});
        const int n = last - first + 1;
        const auto add = [&](const Treatment* chosen, const Treatment& treatment, double kl) {
          made.choices.push_back({chosen, kl, n * costs_.seconds(kind, treatment, products),
                                  std::uint64_t(n) * layer_bytes(left, kind, treatment)});
        };
        for (const Sensitivity* s : options)
          add(&s->treatment, s->treatment, share * s->kl_divergence);
        if (options.empty()) add(nullptr, Policy().at(kind), 0);  // not open: the same for all
      };
      // Neurons go from all layers alike.
      const std::vector<double> shares =
          options.empty() || removed > 0 ? std::vector<double>() : layer_shares(layers, kind);
      if (shares.size() != std::size_t(shape_.n_layers)) {
        stage(0, layers_of(kind, shape_) - 1, 1);
        continue;
      }
      for (const LayerLoss& span : layers) {
        if (span.kind != kind) continue;
        double share = 0;
        for (int layer = span.first; layer <= span.last; ++layer)
          share += shares[std::size_t(layer)];
        stage(span.first, span.last, share);
      }
    }
    return stages;
  }

  std::span<const Sensitivity> sensitivities_;
  const ModelShape& shape_;
  Costs costs_;
};

}  // namespace

std::optional<double> predicted_kl(const Policy& policy, std::span<const Sensitivity> sensitivities,
                                   std::span<const LayerLoss> layers) {
  const auto alone = [&](LayerKind kind, const Treatment& treatment) -> std::optional<double> {
    if (treatment.format == &kF32) return 0;
    const auto measured = std::ranges::find_if(sensitivities, [&](const Sensitivity& s) {
      return s.kind == kind && s.treatment == treatment;
    });
    if (measured != sensitivities.end()) return measured->kl_divergence;
    // Next to nothing, where it is not open and so not measured.
    return treatment.format == &kBf16 ? std::optional(0.0) : std::nullopt;
  };
  double sum = 0;
  for (const LayerKind kind : kAllKinds) {
    const bool whole = policy.treatments(kind).size() == 1;
    const std::vector<double> shares = whole ? std::vector<double>{1} : layer_shares(layers, kind);
    if (shares.empty()) return std::nullopt;
    for (std::size_t layer = 0; layer < shares.size(); ++layer) {
      const std::optional<double> kl = alone(kind, policy.at(kind, int(layer)));
      if (!kl) return std::nullopt;
      sum += shares[layer] * *kl;
    }
  }
  return sum;
}

std::optional<PolicyPrediction> predict(const Policy& policy,
                                        std::span<const Sensitivity> sensitivities,
                                        const Target& target, const KernelTable& kernels,
                                        const RequestShape& request,
                                        std::span<const LayerLoss> layers) {
  const std::optional<double> kl = predicted_kl(policy, sensitivities, layers);
  if (!kl) return std::nullopt;
  const Costs costs(target, kernels, request);
  const std::vector<Model::Product> left = Model::products(narrowed(target.model, policy));
  PolicyPrediction sum{
      .policy = policy, .kl_divergence = *kl, .weight_bytes = weight_bytes(target.model, policy)};
  for (const LayerKind kind : kAllKinds) {
    const int n = layers_of(kind, target.model);
    for (const Treatment& treatment : policy.treatments(kind)) {
      int alike = 0;
      for (int layer = 0; layer < n; ++layer) alike += policy.at(kind, layer) == treatment;
      sum.seconds += alike * costs.seconds(kind, treatment, left);
    }
  }
  return sum;
}

std::vector<PolicyPrediction> policy_front(std::span<const Sensitivity> sensitivities,
                                           const Target& target, const KernelTable& kernels,
                                           const RequestShape& request, int count,
                                           double max_kl_divergence,
                                           std::span<const LayerLoss> layers) {
  const Knapsack knapsack(sensitivities, target, kernels, request);
  const std::vector<PolicyPrediction> plain = knapsack.front({}, max_kl_divergence);
  if (layers.empty()) return spread(plain, count);
  // Of two that are alike but for what predictions are not sure of, the one by whole kinds.
  constexpr double kSameKl = 1.05, kSameSeconds = 1.01;
  std::vector<PolicyPrediction> chosen;
  for (PolicyPrediction& point : spread(knapsack.front(layers, max_kl_divergence), count)) {
    const auto simple = std::ranges::find_if(plain, [&](const PolicyPrediction& p) {
      return p.kl_divergence <= kSameKl * point.kl_divergence &&
             p.seconds <= kSameSeconds * point.seconds;
    });
    chosen.push_back(simple == plain.end() ? std::move(point) : *simple);
  }
  keep_front(chosen);  // none twice
  return chosen;
}

}  // namespace paretune
