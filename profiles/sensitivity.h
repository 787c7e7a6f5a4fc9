// What each way of treating one kind of layer costs in quality when all else stays at full
// precision: measured once for a model, on a sample of the quality plan's texts. What
// mixed-precision policies are proposed from (optimizer/policy_front.h).
#pragma once

#include <cstddef>
#include <cstdint>
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

struct Sensitivity {
  LayerKind kind = LayerKind::qkv;
  Treatment treatment;
  double kl_divergence = 0;  // mean over the sample's tokens, nats
  double kl_standard_error = 0;
  // How much less is lost than without the compensation, of the same documents; 0: there is none.
  double kl_saved = 0, kl_saved_standard_error = 0;
  bool operator==(const Sensitivity&) const = default;
};

// Of the sample that losses are measured on: fewer where the model is slow.
std::size_t loss_tokens(const Target& target, double budget_s);

// Treatments worth measuring, those first that a short budget should not miss; each as the target
// affords it.
std::vector<Treatment> sensitivity_treatments(const Target& target);
// Whether an open kind of layer can have it: neurons go from gate_up and from down, of a dense MLP;
// experts have neither outliers nor a compensation.
bool suits(const Treatment& treatment, LayerKind kind, const Target& target);

// Of one kind under one treatment, on about so many tokens. reference: of the plan. Throws
// std::runtime_error where the treatment leaves no finite logits.
Sensitivity measure_sensitivity(const std::function<std::unique_ptr<ModelSource>()>& open,
                                const Target& target, LayerKind kind, const Treatment& treatment,
                                const QualityPlan& plan, const QualityReference& reference,
                                std::size_t tokens, PackCache* packs);

// Bytes that the kind's matrices take, of all experts, compensation included: of one layer, and of
// all.
std::uint64_t layer_bytes(const ModelShape& shape, LayerKind kind, const Treatment& treatment);
std::uint64_t weight_bytes(const ModelShape& shape, LayerKind kind, const Treatment& treatment);
// Of all kinds that are multiplied. whole: the shape before any neurons are removed.
std::uint64_t weight_bytes(const ModelShape& whole, const Policy& policy);

// One line of JSON, and back; parse throws std::runtime_error naming `where`.
std::string to_json(const Sensitivity& sensitivity);
Sensitivity parse_sensitivity(std::string_view json, const std::string& where);

}  // namespace paretune
