#include "optimizer/policy_front.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/compression/narrowing.h"
#include "runtime/engine/model.h"

namespace paretune {
namespace {

// Where a product was not timed: what reading its weights takes at this rate.
constexpr double kAssumedBytesPerS = 20e9;

class Costs {
 public:
  Costs(const Target& target, const KernelTable& kernels, const RequestShape& request)
      : target_(target), kernels_(kernels), request_(request) {}

  // Of the kind's products under the policy for one request, those of a compensation included.
  double seconds(LayerKind kind, const Policy& policy) const {
    const Treatment& treatment = policy.at(kind);
    const WeightFormat& format = *treatment.format;
    const ModelShape& s = target_.model;
    const auto whole = Model::products(s), left = Model::products(narrowed(s, policy));
    double sum = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const Model::Product& p = left[i];
      if (p.kind != kind) continue;
      constexpr int kChunk = 512;
      const bool expert =
          s.n_experts > 0 && (kind == LayerKind::gate_up || kind == LayerKind::down);
      const double side = expert ? 0 : side_seconds(treatment, p);
      // Where neurons were removed, what is left of a product that was timed whole; its kernel is
      // not tuned for that.
      const double part = double(p.n) * p.k / (double(whole[i].n) * whole[i].k);
      const auto of_rows = [&](int m) {
        return (part * product(format, whole[i], m, part < 1) + side) / m;
      };
      const double prefill = p.every_row ? of_rows(kChunk) : 0;
      const double decode = of_rows(request_.batch);
      const double layers = p.every_row ? s.n_layers : 1;
      sum += layers * (expert ? s.n_experts_used : 1) *
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

// Sorted by divergence; each faster than all before it that are of its group.
template <class Group>
void keep_front(std::vector<PolicyPrediction>& points, Group group) {
  std::ranges::sort(points, [](const PolicyPrediction& a, const PolicyPrediction& b) {
    return a.kl_divergence != b.kl_divergence ? a.kl_divergence < b.kl_divergence
                                              : a.seconds < b.seconds;
  });
  std::map<int, double> fastest;  // by group
  std::erase_if(points, [&](const PolicyPrediction& point) {
    const auto [found, is_first] = fastest.try_emplace(group(point.policy), point.seconds);
    if (is_first) return false;
    if (point.seconds >= found->second) return true;
    found->second = point.seconds;
    return false;
  });
}

}  // namespace

std::optional<double> predicted_kl(const Policy& policy,
                                   std::span<const Sensitivity> sensitivities) {
  double sum = 0;
  for (const LayerKind kind : kAllKinds) {
    const std::vector<Treatment> treatments = policy.treatments(kind);
    if (treatments.size() > 1) return std::nullopt;  // kinds were measured whole
    const WeightFormat& format = *treatments[0].format;
    if (&format == &kF32) continue;
    const auto measured = std::ranges::find_if(sensitivities, [&](const Sensitivity& s) {
      return s.kind == kind && s.treatment == treatments[0];
    });
    if (measured != sensitivities.end()) {
      sum += measured->kl_divergence;
    } else if (&format != &kBf16) {  // next to nothing, where it is not open and so not measured
      return std::nullopt;
    }
  }
  return sum;
}

std::optional<PolicyPrediction> predict(const Policy& policy,
                                        std::span<const Sensitivity> sensitivities,
                                        const Target& target, const KernelTable& kernels,
                                        const RequestShape& request) {
  const std::optional<double> kl = predicted_kl(policy, sensitivities);
  if (!kl) return std::nullopt;
  const Costs costs(target, kernels, request);
  PolicyPrediction sum{.policy = policy, .kl_divergence = *kl};
  for (const LayerKind kind : kAllKinds) {
    sum.seconds += costs.seconds(kind, policy);
    sum.weight_bytes += weight_bytes(narrowed(target.model, policy), kind, policy.at(kind));
  }
  return sum;
}

std::vector<PolicyPrediction> policy_front(std::span<const Sensitivity> sensitivities,
                                           const Target& target, const KernelTable& kernels,
                                           const RequestShape& request, int count,
                                           double max_kl_divergence) {
  const Costs costs(target, kernels, request);
  const auto add = [&](PolicyPrediction& point, LayerKind kind) {
    point.seconds += costs.seconds(kind, point.policy);
    point.weight_bytes +=
        weight_bytes(narrowed(target.model, point.policy), kind, point.policy.at(kind));
  };
  std::vector<PolicyPrediction> front(1);
  for (const LayerKind kind : kAllKinds) {
    const std::vector<const Sensitivity*> options = options_of(kind, sensitivities);
    if (options.empty()) {  // not open: the same for all
      for (PolicyPrediction& point : front) add(point, kind);
      continue;
    }
    std::vector<PolicyPrediction> next;
    for (const PolicyPrediction& point : front) {
      for (const Sensitivity* option : options) {
        PolicyPrediction sum = point;
        sum.policy.set(kind, option->treatment);
        sum.kl_divergence += option->kl_divergence;
        add(sum, kind);
        if (sum.kl_divergence <= max_kl_divergence) next.push_back(std::move(sum));
      }
    }
    // With fewer neurons down is faster too, which comes after gate_up.
    keep_front(next, [](const Policy& policy) { return policy.at(LayerKind::gate_up).neurons; });
    front = std::move(next);
  }
  keep_front(front, [](const Policy&) { return 0; });
  if (static_cast<int>(front.size()) > count && count > 1) {
    // Divergences span orders of magnitude: evenly by their logarithms.
    const auto place = [](const PolicyPrediction& point) {
      return std::log(std::max(point.kl_divergence, 1e-7));
    };
    const double low = place(front.front()), high = place(front.back());
    std::vector<PolicyPrediction> chosen;
    std::size_t at = 0;
    for (int i = 0; i < count; ++i) {
      const double wanted = low + (high - low) * i / (count - 1);
      std::size_t best = at;
      for (std::size_t j = at; j < front.size(); ++j) {
        if (std::fabs(place(front[j]) - wanted) < std::fabs(place(front[best]) - wanted)) best = j;
      }
      if (chosen.empty() || best >= at) chosen.push_back(front[best]);
      at = best + 1;
      if (at >= front.size()) break;
    }
    if (!(chosen.back().policy == front.back().policy)) chosen.push_back(front.back());
    front = std::move(chosen);
  }
  return front;
}

}  // namespace paretune
