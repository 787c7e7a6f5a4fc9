// What the knobs that touch numbers but no weights cost in quality: the formats of the KV cache and
// the cast of activations, each measured once for a model on a sample of the quality plan's texts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/model/model_source.h"
#include "runtime/target.h"

namespace paretune {

// One value of a knob (kKnobs).
struct KnobLoss {
  std::string knob;
  std::string value;
  std::string smoothing;  // beside it, of activations
  // Mean over the sample's tokens, nats. Of the KV cache all else being at full precision; of
  // activations what they and the smoothing add where all open kinds of layers have weights of
  // int8.
  double kl_divergence = 0;
  double kl_standard_error = 0;
  bool operator==(const KnobLoss&) const = default;
};

// What there is to measure for the target, nothing measured yet.
std::vector<KnobLoss> lossy_values(const Target& target);

// Of a knob and value as lossy_values has them, on about so many tokens. open: gives the model.
// reference: of the plan. Throws std::runtime_error where they leave no finite logits.
KnobLoss measure_knob_loss(const std::function<std::unique_ptr<ModelSource>()>& open,
                           const Target& target, KnobLoss loss, const QualityPlan& plan,
                           const QualityReference& reference, std::size_t tokens, PackCache* packs);

// How many weights each of these kinds has, in how many layers.
struct KindSize {
  LayerKind kind;
  double weights;
  int layers;
};
using KindSizes = std::vector<KindSize>;
KindSizes sizes_of(const ModelShape& shape, std::span<const LayerKind> kinds);

// What a config's KV cache and activations add to the divergence of its weights: activations lose
// in proportion to the weights of open kinds that they meet as integers. nullopt: not measured.
std::optional<double> lost_beside_weights(const DeployConfig& config, const KindSizes& open,
                                          std::span<const KnobLoss> losses);

// One line of JSON, and back; parse throws std::runtime_error naming `where`.
std::string to_json(const KnobLoss& loss);
KnobLoss parse_knob_loss(std::string_view json, const std::string& where);

}  // namespace paretune
