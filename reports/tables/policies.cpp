// What compression did to the weights: the recommended policy layer by layer, what each kind of
// layer loses alone, and how well sums of those predicted the policies that were measured whole.
#include <algorithm>
#include <set>

#include "optimizer/prior.h"
#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"
#include "runtime/compression/narrowing.h"

namespace paretune {
namespace {

const Sensitivity* find_sensitivity(const Study& study, LayerKind kind, const Treatment& t) {
  const auto found = std::ranges::find_if(
      study.sensitivity, [&](const Sensitivity& s) { return s.kind == kind && s.treatment == t; });
  return found == study.sensitivity.end() ? nullptr : &*found;
}

// "gptq, wanda 30 %, rank 16"
std::string methods_text(const Treatment& t) {
  std::vector<std::string> methods;
  if (applies(*t.quantizer, *t.format)) methods.emplace_back(t.quantizer->name);
  if (t.pruner)
    methods.push_back(cat({t.pruner->name, " ", std::to_string(t.pruned_percent), " %"}));
  if (t.neurons > 0) methods.push_back(cat({std::to_string(t.neurons), " % of neurons removed"}));
  if (t.outliers > 0) methods.push_back(cat({std::to_string(t.outliers), " columns kept bf16"}));
  if (t.rank > 0) methods.push_back(cat({"rank ", std::to_string(t.rank)}));
  return methods.empty() ? "–" : join(methods, ", ");
}

std::string kl_text(const Sensitivity& s) {
  return plus_minus_text(s.kl_divergence, s.kl_standard_error);
}

// The layers from `first` on that are treated alike.
int last_alike(const Policy& policy, LayerKind kind, int first, int n_layers) {
  int last = first;
  while (last + 1 < n_layers && policy.at(kind, last + 1) == policy.at(kind, first)) ++last;
  return last;
}

}  // namespace

Table policy_table(const Study& study) {
  Table table{.caption = "Weights of the recommended config, layer by layer",
              .columns = {{"Layers"},
                          {"Which", true},
                          {"Format"},
                          {"Methods"},
                          {"Bits a weight", true},
                          {"Size", true},
                          {"KL divergence of this alone", true}}};
  const Trial* trial = picked(study, "recommended");
  if (!trial) return table;
  const Policy& policy = trial->config.weights;
  const ModelShape shape = narrowed(study.model, policy);
  for (const LayerKindInfo& info : kLayerKinds) {
    const int layers = info.per_layer ? study.model.n_layers : 1;
    for (int layer = 0; layer < layers; ++layer) {
      const int last = last_alike(policy, info.kind, layer, layers);
      const Treatment& t = policy.at(info.kind, layer);
      const double share = double(last - layer + 1) / layers;
      const double bytes = share * double(weight_bytes(shape, info.kind, t));
      const double as_f32 = share * double(weight_bytes(shape, info.kind, {&kF32}));
      const bool as_stored = !info.per_layer && t.format == &kF32 && info.kind != LayerKind::output;
      const Sensitivity* alone = find_sensitivity(study, info.kind, t);
      table.rows.push_back(
          {.cells = {{std::string(info.help)},
                     {!info.per_layer ? "–"
                      : layers == last - layer + 1
                          ? "all"
                          : cat({std::to_string(layer), " to ", std::to_string(last)})},
                     {as_stored ? "as in the file" : std::string(t.format->name)},
                     {methods_text(t)},
                     {as_stored || as_f32 == 0 ? "–" : number_text(32 * bytes / as_f32)},
                     {as_stored || bytes == 0 ? "–" : bytes_text(std::uint64_t(bytes))},
                     {alone && share == 1 ? kl_text(*alone) : "–"}},
           .trial = trial->id});
      layer = last;
    }
  }
  return table;
}

Table sensitivity_table(const Study& study) {
  Table table{.caption =
                  "What each kind of layer loses alone: mean KL divergence, nats per token, ± "
                  "standard error, all else at full precision",
              .columns = {{"Treatment"}}};
  std::vector<LayerKind> kinds;
  for (const LayerKindInfo& info : kLayerKinds) {
    if (std::ranges::find(study.sensitivity, info.kind, &Sensitivity::kind) ==
        study.sensitivity.end())
      continue;
    kinds.push_back(info.kind);
    table.columns.push_back({readable(info.name), true});
  }
  std::vector<Treatment> treatments;
  for (const Sensitivity& s : study.sensitivity) {
    if (std::ranges::find(treatments, s.treatment) == treatments.end())
      treatments.push_back(s.treatment);
  }
  for (const Treatment& treatment : treatments) {
    Row row{.cells = {{to_text(treatment)}}};
    for (const LayerKind kind : kinds) {
      const Sensitivity* s = find_sensitivity(study, kind, treatment);
      row.cells.push_back(s ? Cell{.text = kl_text(*s), .sort = s->kl_divergence} : Cell{"–"});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table layer_loss_table(const Study& study) {
  Table table{
      .caption = cat({"Which layers break first: mean KL divergence, nats per token, ± standard "
                      "error, of ",
                      study.layer_losses.empty() ? "a probe" : to_text(study.layer_losses[0].probe),
                      " in these layers of one kind alone; policies by layers are proposed from "
                      "their shares"}),
      .columns = {{"Layers"}}};
  std::vector<LayerKind> kinds;
  std::vector<LayerSpan> spans;
  for (const LayerLoss& loss : study.layer_losses) {
    if (std::ranges::find(kinds, loss.kind) == kinds.end()) {
      kinds.push_back(loss.kind);
      table.columns.push_back({readable(layer_kind_info(loss.kind).name), true});
    }
    const LayerSpan span{loss.first, loss.last};
    if (std::ranges::find(spans, span) == spans.end()) spans.push_back(span);
  }
  for (const LayerSpan& span : spans) {
    Row row{.cells = {{span.first == span.last ? std::to_string(span.first)
                                               : cat({std::to_string(span.first), " to ",
                                                      std::to_string(span.last)})}}};
    for (const LayerKind kind : kinds) {
      const auto loss = std::ranges::find_if(study.layer_losses, [&](const LayerLoss& l) {
        return l.kind == kind && LayerSpan{l.first, l.last} == span;
      });
      row.cells.push_back(
          loss == study.layer_losses.end()
              ? Cell{"–"}
              : Cell{.text = plus_minus_text(loss->kl_divergence, loss->kl_standard_error),
                     .sort = loss->kl_divergence});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table knob_loss_table(const Study& study) {
  Table table{.caption =
                  "What activations and KV cache lose alone: mean KL divergence, nats per token, ± "
                  "standard error; of activations what they and the smoothing add where all open "
                  "kinds of layers but the head have int8 weights",
              .columns = {{"Knob"}, {"Value"}, {"Smoothing"}, {"KL divergence", true}}};
  for (const KnobLoss& loss : study.knob_losses) {
    table.rows.push_back(
        {.cells = {{readable(loss.knob)},
                   {loss.value},
                   {loss.smoothing.empty() ? "–" : loss.smoothing},
                   {.text = plus_minus_text(loss.kl_divergence, loss.kl_standard_error),
                    .sort = loss.kl_divergence}}});
  }
  return table;
}

Table prediction_table(const Study& study) {
  Table table{.caption =
                  "Policies that were measured whole, beside the sum of what their kinds of "
                  "layers, activations and KV cache lose alone",
              .columns = {{"Weights"},
                          {"Activations"},
                          {"KV cache"},
                          {"Size", true},
                          {"Predicted KL", true},
                          {"Measured KL", true},
                          {"Trial", true}}};
  std::set<std::string> seen;
  std::vector<const Trial*> trials;
  for (const Trial& trial : study.trials) {
    const DeployConfig& c = trial.config;
    if (ran(trial) &&
        seen.insert(cat({to_text(c.weights), " ", c.activations.name, " ", c.kv_cache->name}))
            .second)
      trials.push_back(&trial);
  }
  std::ranges::stable_sort(trials, {},
                           [](const Trial* t) { return t->measurement.quality.kl_divergence; });
  const QualityLosses losses = losses_of(study);
  for (const Trial* trial : trials) {
    const std::optional<double> predicted =
        study.sensitivity.empty() ? std::nullopt : predicted_kl(trial->config, losses);
    const std::uint64_t bytes = weight_bytes(study.model, trial->config.weights);
    const Quality& q = trial->measurement.quality;
    table.rows.push_back({.cells = {{to_text(trial->config.weights)},
                                    {std::string(trial->config.activations.name)},
                                    {std::string(trial->config.kv_cache->name)},
                                    {bytes_text(bytes)},
                                    {predicted ? number_text(*predicted) : "–"},
                                    {plus_minus_text(q.kl_divergence, q.kl_standard_error)},
                                    {std::to_string(trial->id)}},
                          .trial = trial->id});
  }
  return table;
}

}  // namespace paretune
