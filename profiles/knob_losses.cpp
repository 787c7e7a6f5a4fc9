#include "profiles/knob_losses.h"

#include <algorithm>
#include <optional>

#include "profiles/field_json.h"
#include "profiles/quality.h"
#include "profiles/sensitivity.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {

static void fields(Is<KnobLoss> auto& s, auto&& visit) {
  auto& [knob, value, smoothing, kl_divergence, kl_standard_error] = s;
  visit("knob", knob), visit("value", value), visit("smoothing", smoothing);
  visit("kl_divergence", kl_divergence), visit("kl_standard_error", kl_standard_error);
}

namespace {

constexpr std::string_view kKvCache = "kv_cache", kActivations = "activations", kCast = "int8";
constexpr const KvFormat* kFullKv = &kKvF32;  // that of full_precision_config

const KnobLoss* find(std::span<const KnobLoss> losses, std::string_view knob,
                     std::string_view value, std::string_view smoothing = "") {
  const auto found = std::ranges::find_if(losses, [&](const KnobLoss& loss) {
    return loss.knob == knob && loss.value == value && loss.smoothing == smoothing;
  });
  return found == losses.end() ? nullptr : &*found;
}

// The part of the weights of open kinds that int8 activations meet as integers.
double integer_share(const Policy& policy, const KindSizes& open) {
  double integers = 0, all = 0;
  for (const auto& [kind, weights, layers] : open) {
    all += weights;
    for (int layer = 0; layer < layers; ++layer)
      if (policy.at(kind, layer).format->integer) integers += weights / layers;
  }
  return all > 0 ? integers / all : 0;
}

}  // namespace

std::vector<KnobLoss> lossy_values(const Target& target) {
  std::vector<KnobLoss> values;
  for (const KvFormat* format : kv_choices(target)) {
    if (format != kFullKv) values.push_back({std::string(kKvCache), std::string(format->name)});
  }
  // Those first that need no calibration.
  std::vector smoothings = smoothing_choices(target);
  std::ranges::stable_sort(smoothings, {},
                           [](const auto& smoothing) { return needs_statistics(smoothing.name); });
  for (const auto& smoothing : smoothings)
    values.push_back({std::string(kActivations), std::string(kCast), std::string(smoothing.name)});
  if (target.calibrates)
    values.push_back({std::string(kActivations), std::string(kStaticInt8), "smoothquant"});
  return values;
}

KnobLoss measure_knob_loss(const std::function<std::unique_ptr<ModelSource>()>& open,
                           const Target& target, KnobLoss loss, const QualityPlan& plan,
                           const QualityReference& reference, std::size_t tokens,
                           PackCache* packs) {
  const auto sample = [&](const DeployConfig& config) {
    const DeployConfig run = canonical(config, target);
    return sample_text(load_model(open(), run, {}, packs), run, plan, reference, tokens);
  };
  DeployConfig config = full_precision_config(target);
  std::optional<TextSample> before;
  if (loss.knob == kActivations) {
    // The head, rounded to nearest, may lose more than all else does, and hide what is added.
    for (const LayerKind kind : target.open_layers) {
      if (kind != LayerKind::output || target.open_layers.size() == 1)
        config.weights.set(kind, {&kInt8});
    }
    before = sample(config);
    set_knob(config, "smoothing", loss.smoothing, "knob losses");
  }
  set_knob(config, loss.knob, loss.value, "knob losses");
  const TextSample after = sample(config);
  const Mean added = before ? kl_saved(after, *before) : mean_kl(after);
  loss.kl_divergence = std::max(0.0, added.value);
  loss.kl_standard_error = added.standard_error;
  return loss;
}

KindSizes sizes_of(const ModelShape& shape, std::span<const LayerKind> kinds) {
  KindSizes sizes;
  for (const LayerKind kind : kinds)
    sizes.push_back({kind, double(weight_bytes(shape, kind, {&kF32})) / sizeof(float),
                     layer_kind_info(kind).per_layer ? shape.n_layers : 1});
  return sizes;
}

std::optional<double> lost_beside_weights(const DeployConfig& config, const KindSizes& open,
                                          std::span<const KnobLoss> losses) {
  double sum = 0;
  if (const double share = integer_share(config.weights, open);
      casts_to_int8(config.activations.name) && share > 0) {
    const KnobLoss* loss =
        find(losses, kActivations, config.activations.name, config.smoothing.name);
    if (!loss) return std::nullopt;
    sum += share * loss->kl_divergence;
  }
  if (config.kv_cache == kFullKv) return sum;
  const KnobLoss* loss = find(losses, kKvCache, config.kv_cache->name);
  if (!loss) return std::nullopt;
  return sum + loss->kl_divergence;
}

std::string to_json(const KnobLoss& loss) { return fields_text(loss); }

KnobLoss parse_knob_loss(std::string_view text, const std::string& where) {
  return parse_fields<KnobLoss>(text, where);
}

}  // namespace paretune
