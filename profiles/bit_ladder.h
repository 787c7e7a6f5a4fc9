// Which capability breaks first as weights get fewer bits: all open layers under one treatment
// after the other, each coarser, with the quality plan's questions asked of each. The configs that
// are worth deploying may lose nothing that shows; these are taken to where it does.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"
#include "runtime/compression/policy.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/model/model_source.h"
#include "runtime/target.h"

namespace paretune {

struct Rung {
  std::string treatment;       // of all open kinds of layers; all else at full precision
  double bits_per_weight = 0;  // of what is multiplied, scales and compensation included
  double kl_divergence = 0;    // mean over a sample of the plan's text, nats
  double kl_standard_error = 0;
  std::vector<Capability> capabilities;
};

// From the finest to the coarsest, each by a method that the target affords. Where time is short,
// the middle says whether to go on up or down.
std::vector<Treatment> ladder(const Target& target);
inline constexpr std::size_t kMiddleRung = 2;

// What all of the plan's questions take on a rung, about, in seconds.
double assumed_rung_seconds(const Target& target, const QualityPlan& plan);

// reference: of the plan. Throws std::runtime_error where the treatment leaves no finite logits.
Rung measure_rung(const std::function<std::unique_ptr<ModelSource>()>& open, const Target& target,
                  const Treatment& treatment, const QualityPlan& plan,
                  const QualityReference& reference, PackCache* packs);

// Whether it lost something: one-sided 95 %, by the answers or by their probability.
bool broken(const Capability& capability);

// Whether half of what was asked is broken: coarser rungs tell no more of what breaks first.
bool ends_ladder(const Rung& rung);

// One line of JSON, and back; parse throws std::runtime_error naming `where`.
std::string to_json(const Rung& rung);
Rung parse_rung(std::string_view json, const std::string& where);

}  // namespace paretune
