#include "profiles/measured_losses.h"

#include <algorithm>
#include <functional>

#include "profiles/digest.h"
#include "profiles/measured_lines.h"

namespace paretune {
namespace {

constexpr double kKnobShare = 1.0 / 3;        // of the time for all losses, at most
constexpr double kLadderShare = 0.25;         // likewise
constexpr double kTooSlow = 2;                // times that time, by a pessimist's assumption
constexpr std::size_t kFirstTreatments = 25;  // of a kind each

// From the middle rung down until half of what is asked breaks, or, where it breaks there, up until
// it does not. Finest first. nullopt: interrupted.
std::optional<std::vector<Rung>> measured_ladder(
    const LossTask& task, const std::function<std::string(const std::string&)>& key,
    const std::string& open_kinds, Store& store, Clock& clock, double budget_s,
    const std::atomic<bool>& stop) {
  const double deadline = clock.now() + budget_s;
  const std::vector<Treatment> treatments = ladder(task.target);
  std::vector<Rung> rungs;
  if (assumed_rung_seconds(task.target, task.plan) > kTooSlow * budget_s) return rungs;
  int step = 0;
  for (std::size_t at = kMiddleRung; at < treatments.size(); at += std::size_t(step)) {
    const LineTask rung{key("rung " + to_text(treatments[at]) + " of " + open_kinds), [&] {
                          return to_json(measure_rung(task.model, task.target, treatments[at],
                                                      task.plan, task.reference, task.packs));
                        }};
    const auto line =
        measured_lines(rung.key + " done", {&rung, 1}, store, clock, deadline - clock.now(), stop);
    if (!line) return std::nullopt;
    if (line->empty()) break;
    rungs.push_back(parse_rung(line->front(), store.file().string() + ": memo of losses"));
    const bool breaks = ends_ladder(rungs.back());
    if (step != 0 && breaks == (step > 0)) break;
    if (step == 0) step = breaks ? -1 : 1;
  }
  std::ranges::sort(rungs, std::greater<>(), &Rung::bits_per_weight);
  return rungs;
}

}  // namespace

std::optional<MeasuredLosses> measured_losses(const LossTask& task, Store& store, Clock& clock,
                                              double budget_s, const std::atomic<bool>& stop) {
  const double begin = clock.now();
  const Target& target = task.target;
  const std::size_t tokens = loss_tokens(target, budget_s);
  std::string open_kinds;
  for (const LayerKind kind : target.open_layers)
    open_kinds += std::string(layer_kind_info(kind).name) + ' ';
  const auto key = [&](const std::string& what) -> std::string {
    return digest(
        {"losses", task.model_key, what, task.plan.hash(), std::to_string(tokens), task.build});
  };

  // Every config has a KV cache and activations: those first.
  std::vector<LineTask> knobs, layers, treatments;
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
  for (const LayerSpan& span : affordable_spans(target, tokens, budget_s)) {
    for (const LayerKind kind : target.open_layers) {
      if (!layer_kind_info(kind).per_layer) continue;
      const auto measure = [&task, kind, span, tokens] {
        return to_json(measure_layer_loss(task.model, task.target, kind, span, task.plan,
                                          task.reference, tokens, task.packs));
      };
      layers.push_back(
          {key("layers " + std::to_string(span.first) + " to " + std::to_string(span.last) +
               " of " + std::string(layer_kind_info(kind).name) + ' ' +
               to_text(layer_probe(target))),
           measure});
    }
  }
  const auto knob_lines = measured_lines(key("knobs of " + open_kinds), knobs, store, clock,
                                         kKnobShare * budget_s, stop);
  if (!knob_lines) return std::nullopt;
  const std::string where = store.file().string() + ": memo of losses";
  MeasuredLosses losses;
  std::optional<std::vector<Rung>> rungs =
      measured_ladder(task, key, open_kinds, store, clock, kLadderShare * budget_s, stop);
  if (!rungs) return std::nullopt;
  losses.ladder = std::move(*rungs);
  // Layers after the treatments that policies are mostly made of.
  const auto n_first = std::min(kFirstTreatments, treatments.size());
  const auto measured = [&](const std::string& name, std::span<const LineTask> tasks) {
    return measured_lines(key(name + " of " + open_kinds), tasks, store, clock,
                          begin + budget_s - clock.now(), stop);
  };
  const auto first = measured("first treatments", std::span(treatments).first(n_first));
  if (!first) return std::nullopt;
  const auto of_layers = measured("layers", layers);
  if (!of_layers) return std::nullopt;
  const auto rest = measured("other treatments", std::span(treatments).subspan(n_first));
  if (!rest) return std::nullopt;
  for (const std::string& line : *knob_lines) losses.knobs.push_back(parse_knob_loss(line, where));
  for (const auto* const lines : {&*first, &*rest}) {
    for (const std::string& line : *lines) losses.weights.push_back(parse_sensitivity(line, where));
  }
  for (const std::string& line : *of_layers) losses.layers.push_back(parse_layer_loss(line, where));
  return losses;
}

}  // namespace paretune
