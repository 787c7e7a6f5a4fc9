#include "profiles/sensitivity.h"

#include <algorithm>
#include <stdexcept>

#include "profiles/field_json.h"
#include "profiles/pace.h"
#include "profiles/policy_json.h"
#include "profiles/quality.h"
#include "runtime/compression/narrowing.h"
#include "runtime/engine/loaded_model.h"
#include "runtime/engine/model.h"

namespace paretune {

static void fields(Is<Sensitivity> auto& s, auto&& visit) {
  auto& [kind, treatment, kl_divergence, kl_standard_error, kl_saved, kl_saved_standard_error] = s;
  visit("kind", kind), visit("treatment", treatment);
  visit("kl_divergence", kl_divergence), visit("kl_standard_error", kl_standard_error);
  visit("kl_saved", kl_saved), visit("kl_saved_standard_error", kl_saved_standard_error);
}

std::size_t loss_tokens(const Target& target, double budget_s) {
  constexpr double kShare = 0.02;  // of the budget, each
  const double tokens = kShare * std::max(budget_s, 0.0) / assumed_reference_token_seconds(target);
  return static_cast<std::size_t>(std::clamp(tokens, 128.0, 1500.0));
}

std::vector<Treatment> sensitivity_treatments(const Target& target) {
  std::vector<Treatment> treatments;
  for (const char* text :
       {"int8:gptq", "int4_g32:gptq", "int8:neurons10", "int4_g128:gptq", "int3_g64:quantease",
        "int8", "nf4_g64:gptq", "bf16", "nf3_g64:gptq", "int3_g64:gptq:rank32",
        "int4_g64:gptq:outliers8", "int3_g32:gptq", "int2_g32:gptq"}) {
    const Treatment wanted = parse_treatment(text, "sensitivity_treatments");
    const Treatment treatment = affordable(wanted, target);
    const auto add = [&](const Treatment& one) {
      if (std::ranges::find(treatments, one) == treatments.end()) treatments.push_back(one);
    };
    // What stands in for a method and sees no inputs may lose more than rounding to nearest.
    if (treatment.quantizer != wanted.quantizer) {
      Treatment nearest = treatment;
      nearest.quantizer = &kQuantizers[0];
      add(nearest);
    }
    add(treatment);
  }
  return treatments;
}

bool suits(const Treatment& treatment, LayerKind kind, const Target& target) {
  const auto open = [&](LayerKind one) {
    return std::ranges::find(target.open_layers, one) != target.open_layers.end();
  };
  const bool mlp = kind == LayerKind::gate_up || kind == LayerKind::down,
             experts = mlp && target.model.n_experts > 0;
  if (!open(kind) || (experts && treatment.side_columns() > 0)) return false;
  return treatment.neurons == 0 ||
         (kind == LayerKind::gate_up && !experts && open(LayerKind::down));
}

Sensitivity measure_sensitivity(const std::function<std::unique_ptr<ModelSource>()>& open,
                                const Target& target, LayerKind kind, const Treatment& treatment,
                                const QualityPlan& plan, const QualityReference& reference,
                                std::size_t tokens, PackCache* packs) {
  const auto sample = [&](const Treatment& one) {
    DeployConfig config = full_precision_config(target);
    config.weights.set(kind, one);
    const LoadedModel loaded = load_model(open(), config, {}, packs);
    return sample_text(loaded, canonical(config, target), plan, reference, tokens);
  };
  const TextSample lost = sample(treatment);
  const Mean kl = mean_kl(lost);
  Sensitivity sensitivity{.kind = kind,
                          .treatment = treatment,
                          .kl_divergence = kl.value,
                          .kl_standard_error = kl.standard_error};
  if (treatment.rank > 0) {
    Treatment bare = treatment;
    bare.rank = 0;
    const Mean saved = kl_saved(sample(bare), lost);
    sensitivity.kl_saved = saved.value;
    sensitivity.kl_saved_standard_error = saved.standard_error;
  }
  return sensitivity;
}

std::uint64_t layer_bytes(const ModelShape& shape, LayerKind kind, const Treatment& treatment) {
  const WeightFormat& format = *treatment.format;
  std::uint64_t bytes = 0;
  for (const Model::Product& p : Model::products(shape)) {
    if (p.kind != kind) continue;
    const bool expert = kind == LayerKind::gate_up || kind == LayerKind::down;
    const int experts = expert ? std::max(shape.n_experts, 1) : 1;
    std::size_t one = format.packed_bytes(p.n, p.k);
    if (const int rank = std::min({treatment.side_columns(), p.n, p.k});
        rank > 0 && !(expert && experts > 1))
      one += kBf16.packed_bytes(rank, p.k) + kBf16.packed_bytes(p.n, rank);
    bytes += std::uint64_t(experts) * one;
  }
  if (kind == LayerKind::embeddings) bytes = format.packed_bytes(shape.vocab_size, shape.d_model);
  return bytes;
}

std::uint64_t weight_bytes(const ModelShape& shape, LayerKind kind, const Treatment& treatment) {
  return std::uint64_t(layer_kind_info(kind).per_layer ? shape.n_layers : 1) *
         layer_bytes(shape, kind, treatment);
}

std::uint64_t weight_bytes(const ModelShape& whole, const Policy& policy) {
  const ModelShape shape = narrowed(whole, policy);
  std::uint64_t bytes = 0;
  for (const LayerKind kind : kAllKinds) {
    for (int layer = 0; layer < (layer_kind_info(kind).per_layer ? shape.n_layers : 1); ++layer)
      bytes += layer_bytes(shape, kind, policy.at(kind, layer));
  }
  return bytes;
}

std::string to_json(const Sensitivity& sensitivity) { return fields_text(sensitivity); }

Sensitivity parse_sensitivity(std::string_view text, const std::string& where) {
  return parse_fields<Sensitivity>(text, where);
}

}  // namespace paretune
