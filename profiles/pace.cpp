#include "profiles/pace.h"

#include <algorithm>

#include "runtime/compression/calibration.h"
#include "runtime/engine/model.h"

namespace paretune {
namespace {

constexpr double kReferenceFlopsPerCore = 25e9, kServedFlopsPerCore = 75e9;
// On two cores, of the 1.1B shape: 660 s by GPTQ, 200 s by searching ranges, 5 s to the nearest.
constexpr double kSearchPerWeight = 4e-7, kNearestPerWeight = 1e-8;  // core-seconds
constexpr double kCalibratedPerWeightAndInput = 4.6e-10;

double token_seconds(const Target& target, double flops_per_core) {
  return 2.0 * double(active_parameter_count(target.model)) /
         (flops_per_core * std::max(target.machine.cores, 1));
}

}  // namespace

double assumed_reference_token_seconds(const Target& target) {
  return token_seconds(target, kReferenceFlopsPerCore);
}
double assumed_served_token_seconds(const Target& target) {
  return token_seconds(target, kServedFlopsPerCore);
}

double assumed_calibration_seconds(const Target& target) {
  constexpr double kTokens = double(Calibration::kSequences) * Calibration::kTokens;
  return kTokens * (assumed_reference_token_seconds(target) + assumed_served_token_seconds(target));
}

double assumed_pack_seconds(const Treatment& treatment, const Target& target) {
  const bool nearest =
      treatment.quantizer == &kQuantizers[0] || !applies(*treatment.quantizer, *treatment.format);
  double core_seconds = 0;
  for (const Model::Product& p : Model::products(target.model)) {
    const bool expert = p.kind == LayerKind::gate_up || p.kind == LayerKind::down;
    const double weights = double(p.n) * p.k * (p.every_row ? target.model.n_layers : 1) *
                           (expert ? std::max(target.model.n_experts, 1) : 1);
    core_seconds += weights * (nearest ? kNearestPerWeight : kSearchPerWeight);
    if ((!nearest && treatment.quantizer->calibrated) || treatment.rank > 0)
      core_seconds += weights * p.k * kCalibratedPerWeightAndInput;
  }
  return core_seconds / std::max(target.machine.cores, 1);
}

Treatment affordable(Treatment treatment, const Target& target) {
  const auto too_much = [&] {
    return assumed_pack_seconds(treatment, target) > target.pack_seconds;
  };
  static const Quantizer* const hqq = &*std::ranges::find(kQuantizers, "hqq", &Quantizer::name);
  if (too_much()) treatment.rank = 0;
  if (too_much() && treatment.quantizer->calibrated) treatment.quantizer = hqq;
  if (too_much()) treatment.quantizer = &kQuantizers[0];
  return treatment;
}

}  // namespace paretune
