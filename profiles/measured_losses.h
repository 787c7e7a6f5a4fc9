// What the parts of configs cost in quality, each alone: kept in the store, measured where it is
// not.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiles/bit_ladder.h"
#include "profiles/clock.h"
#include "profiles/knob_losses.h"
#include "profiles/layer_losses.h"
#include "profiles/sensitivity.h"
#include "profiles/store.h"

namespace paretune {

struct LossTask {
  std::function<std::unique_ptr<ModelSource>()> model;
  std::string model_key, build;  // what losses depend on, beside the plan
  const Target& target;
  const QualityPlan& plan;
  const QualityReference& reference;  // of the plan
  PackCache* packs = nullptr;
};

struct MeasuredLosses {
  std::vector<KnobLoss> knobs;
  std::vector<Sensitivity> weights;
  std::vector<LayerLoss> layers;
  std::vector<Rung> ladder;
};

// Of each of lossy_values(), of each open kind of layer under each of sensitivity_treatments() that
// suits it, of spans of layers after the first of those, and of the ladder of bits, rung after rung
// until half of what is asked breaks, where each takes a small part of the time; what does not fit
// into about
// budget_s is left out, for good (measured_lines.h). nullopt: interrupted. The calling process must
// have no other threads.
std::optional<MeasuredLosses> measured_losses(const LossTask& task, Store& store, Clock& clock,
                                              double budget_s, const std::atomic<bool>& stop);

}  // namespace paretune
