#include "profiles/layer_losses.h"

#include <algorithm>
#include <cmath>

#include "profiles/pace.h"
#include "profiles/policy_json.h"
#include "profiles/quality.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {

static void fields(Is<LayerLoss> auto& s, auto&& visit) {
  auto& [kind, first, last, probe, kl_divergence, kl_standard_error] = s;
  visit("kind", kind), visit("first", first), visit("last", last), visit("probe", probe);
  visit("kl_divergence", kl_divergence), visit("kl_standard_error", kl_standard_error);
}

namespace {

constexpr double kBudgetShare = 0.2;   // of the time for losses
constexpr double kLeastSeconds = 0.1;  // of one measurement: a process, the model's weights
constexpr double kEqual = 0.2;         // of a share, what is not left to the probe
constexpr int kFewestSpans = 3, kMostSpans = 8;
constexpr int kKinds = 4;  // that have layers

}  // namespace

Treatment layer_probe(const Target& target) {
  return affordable(parse_treatment("int3_g64:gptq", "the layers' probe"), target);
}

std::vector<LayerSpan> layer_spans(int n_layers, int most) {
  const int n = std::min(n_layers, most);
  std::vector<LayerSpan> spans;
  if (n < 2) return spans;
  // In halves of an inner span.
  const double unit = n_layers <= most ? 0 : double(n_layers) / (2 * n - 2);
  int begin = 0;
  for (int i = 0; i < n; ++i) {
    const int end = unit == 0    ? begin + 1
                    : i + 1 == n ? n_layers
                                 : std::max(begin + 1, int(std::lround(unit * (2 * i + 1))));
    spans.push_back({begin, end - 1});
    begin = end;
  }
  return spans;
}

std::vector<LayerSpan> affordable_spans(const Target& target, std::size_t tokens, double budget_s) {
  const double each_s =
      std::max(kLeastSeconds, double(tokens) * assumed_reference_token_seconds(target));
  const int most = int(std::clamp(kBudgetShare * budget_s / (kKinds * each_s), 0.0, 1e6));
  if (most < kFewestSpans) return {};
  return layer_spans(target.model.n_layers, std::min(most, kMostSpans));
}

LayerLoss measure_layer_loss(const std::function<std::unique_ptr<ModelSource>()>& open,
                             const Target& target, LayerKind kind, const LayerSpan& span,
                             const QualityPlan& plan, const QualityReference& reference,
                             std::size_t tokens, PackCache* packs) {
  DeployConfig config = full_precision_config(target);
  const Treatment probe = layer_probe(target);
  for (int layer = span.first; layer <= span.last; ++layer) config.weights.set(kind, layer, probe);
  const LoadedModel loaded = load_model(open(), config, {}, packs);
  const Mean kl = mean_kl(sample_text(loaded, canonical(config, target), plan, reference, tokens));
  return {kind, span.first, span.last, probe, kl.value, kl.standard_error};
}

std::vector<double> layer_shares(std::span<const LayerLoss> losses, LayerKind kind) {
  std::vector<LayerLoss> own;
  std::ranges::copy_if(losses, std::back_inserter(own),
                       [&](const LayerLoss& loss) { return loss.kind == kind; });
  std::ranges::sort(own, {}, &LayerLoss::first);
  double sum = 0;
  int n_layers = 0;
  for (const LayerLoss& loss : own) {
    if (loss.first != n_layers) return {};
    n_layers = loss.last + 1;
    sum += std::max(loss.kl_divergence, 0.0);
  }
  if (own.size() < 2 || !(sum > 0)) return {};
  std::vector<double> shares;
  for (const LayerLoss& loss : own) {
    const int layers = loss.last - loss.first + 1;
    const double probed = std::max(loss.kl_divergence, 0.0) / sum / layers;
    shares.insert(shares.end(), std::size_t(layers),
                  (1 - kEqual) * probed + kEqual / double(n_layers));
  }
  return shares;
}

std::string to_json(const LayerLoss& loss) { return fields_text(loss); }

LayerLoss parse_layer_loss(std::string_view json, const std::string& where) {
  return parse_fields<LayerLoss>(json, where);
}

}  // namespace paretune
