// Which layers of a kind are harmed most: one probe, a coarse treatment, in a few layers of one
// kind at a time, all else at full precision. What another treatment of the whole kind loses is
// shared among the layers as the probe's loss is (optimizer/policy_front.h), so that measuring
// every layer under every treatment is not needed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"
#include "runtime/compression/policy.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/model/model_source.h"
#include "runtime/target.h"

namespace paretune {

// Coarse, so that a few layers show, and by a method that the target affords: rounding to nearest
// breaks other layers than those that calibrated methods do.
Treatment layer_probe(const Target& target);

struct LayerLoss {
  LayerKind kind = LayerKind::qkv;
  int first = 0, last = 0;  // of the kind's layers
  Treatment probe;
  double kl_divergence = 0;  // of the probe in these alone: mean over the sample's tokens, nats
  double kl_standard_error = 0;
  bool operator==(const LayerLoss&) const = default;
};

struct LayerSpan {
  int first = 0, last = 0;
  bool operator==(const LayerSpan&) const = default;
};

// All layers in at most `most` spans. The first and the last layers are often the most sensitive:
// an outer span has half as many layers as an inner one. One span, or none: nothing is to be told
// apart.
std::vector<LayerSpan> layer_spans(int n_layers, int most);

// As many as a part of the time for losses measures on so many tokens each; 0: not even three.
std::vector<LayerSpan> affordable_spans(const Target& target, std::size_t tokens, double budget_s);

LayerLoss measure_layer_loss(const std::function<std::unique_ptr<ModelSource>()>& open,
                             const Target& target, LayerKind kind, const LayerSpan& span,
                             const QualityPlan& plan, const QualityReference& reference,
                             std::size_t tokens, PackCache* packs);

// The part of the kind's loss that each of its layers has; they sum to 1. Drawn to equal parts by a
// fifth, as samples are small. Empty: its layers were not all measured.
std::vector<double> layer_shares(std::span<const LayerLoss> losses, LayerKind kind);

// One line of JSON, and back; parse throws std::runtime_error naming `where`.
std::string to_json(const LayerLoss& loss);
LayerLoss parse_layer_loss(std::string_view json, const std::string& where);

}  // namespace paretune
