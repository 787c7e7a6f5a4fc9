#include "profiles/measured_losses.h"

#include <algorithm>

#include "profiles/digest.h"
#include "profiles/measured_lines.h"

namespace paretune {
namespace {

constexpr double kKnobShare = 1.0 / 3;  // of the time for all losses, at most

}  // namespace

std::optional<MeasuredLosses> measured_losses(const LossTask& task, Store& store, Clock& clock,
                                              double budget_s, const std::atomic<bool>& stop) {
  const double begin = clock.now();
  const Target& target = task.target;
  const std::size_t tokens = loss_tokens(target, budget_s);
  std::string open_kinds;
  for (const LayerKind kind : target.open_layers)
    open_kinds += std::string(layer_kind_info(kind).name) + ' ';
  const auto key = [&](const std::string& what) {
    return digest(
        {"losses", task.model_key, what, task.plan.hash(), std::to_string(tokens), task.build});
  };

  // Every config has a KV cache and activations: those first.
  std::vector<LineTask> knobs, treatments;
  for (const KnobLoss& value : lossy_values(target)) {
    const auto measure = [&task, value, tokens] {
      return to_json(measure_knob_loss(task.model, task.target, value, task.plan, task.reference,
                                       tokens, task.packs));
    };
    knobs.push_back({key(to_json(value) + ' ' + open_kinds), measure});
  }
  for (const Treatment& treatment : sensitivity_treatments(target)) {
    for (const LayerKind kind : target.open_layers) {
      if (std::ranges::find(kAllKinds, kind) == kAllKinds.end() ||  // always as they are
          !suits(treatment, kind, target))
        continue;
      const auto measure = [&task, kind, treatment, tokens] {
        return to_json(measure_sensitivity(task.model, task.target, kind, treatment, task.plan,
                                           task.reference, tokens, task.packs));
      };
      treatments.push_back(
          {key(std::string(layer_kind_info(kind).name) + ' ' + to_text(treatment)), measure});
    }
  }
  const auto knob_lines = measured_lines(key("knobs of " + open_kinds), knobs, store, clock,
                                         kKnobShare * budget_s, stop);
  if (!knob_lines) return std::nullopt;
  const auto lines = measured_lines(key("treatments of " + open_kinds), treatments, store, clock,
                                    begin + budget_s - clock.now(), stop);
  if (!lines) return std::nullopt;
  const std::string where = store.file().string() + ": memo of losses";
  MeasuredLosses losses;
  for (const std::string& line : *knob_lines) losses.knobs.push_back(parse_knob_loss(line, where));
  for (const std::string& line : *lines) losses.weights.push_back(parse_sensitivity(line, where));
  return losses;
}

}  // namespace paretune
