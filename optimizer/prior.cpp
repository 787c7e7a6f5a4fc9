#include "optimizer/prior.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "optimizer/judge.h"
#include "profiles/load_run.h"
#include "profiles/speed.h"
#include "search/rng.h"

namespace paretune {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kCandidateDraws = 0xca11b;  // key of draws
constexpr double kNoticedKl = 1e-4;                 // less is mostly the noise of its parts

}  // namespace

Prediction prediction_of(const SpeedEstimate& estimate, std::optional<double> kl_divergence,
                         const Workload& workload) {
  return {.objectives = {.usd_per_million_output_tokens = usd_per_million_output_tokens(
                             workload.cost.usd_per_hour, estimate.output_tokens_per_s),
                         .latency_ms = estimate.objective_ms,
                         .kl_divergence = kl_divergence.value_or(kUnknown)},
          .max_rate = estimate.max_rate,
          .output_tokens_per_s = estimate.output_tokens_per_s,
          .meets_slo = estimate.meets_slo};
}

Prediction corrected(Prediction prediction, std::span<const Trial> trials) {
  const auto correct = [&](double Objectives::*axis, double least) {
    double sum = 0, n = 1;
    for (const Trial& trial : trials) {
      if (!trial.predicted || trial.measurement.outcome != Outcome::ok) continue;
      const double predicted = trial.predicted->objectives.*axis;
      const double ratio = trial.objectives.*axis / predicted;
      if (!(predicted > least) || !(ratio > 0) || !std::isfinite(ratio)) continue;
      sum += std::log(ratio);
      n += 1;
    }
    prediction.objectives.*axis *= std::exp(sum / n);
  };
  correct(&Objectives::usd_per_million_output_tokens, 0);
  correct(&Objectives::kl_divergence, kNoticedKl);
  return prediction;
}

Judged predicted_scores(const Prediction& prediction, const Workload& workload) {
  // Judged as a trial that measured this. What nobody predicted is NaN, which misses no limit.
  Trial trial;
  Measurement& m = trial.measurement;
  m.speed.usd_per_million_output_tokens = prediction.objectives.usd_per_million_output_tokens;
  m.speed.max_rate = prediction.max_rate;
  m.speed.at_workload.meets_slo = prediction.meets_slo;
  if (!prediction.meets_slo) m.speed.at_workload.missed = "SLO: predicted to be missed";
  m.quality.kl_divergence = prediction.objectives.kl_divergence;
  m.quality.same_top1_fraction = m.quality.perplexity_ratio = m.quality.accuracy = kUnknown;
  judge_trial(trial, workload);
  trial.objectives = prediction.objectives;
  return *search_scores(trial);
}

QualityLosses losses_of(const Study& study) {
  std::vector<LayerKind> open;
  for (const LayerKind kind : kAllKinds) {
    if (std::ranges::find(study.sensitivity, kind, &Sensitivity::kind) != study.sensitivity.end())
      open.push_back(kind);
  }
  return {study.sensitivity, study.knob_losses, sizes_of(study.model, open), study.layer_losses};
}

std::optional<double> predicted_kl(const DeployConfig& config, const QualityLosses& losses) {
  const std::optional<double> weights = predicted_kl(config.weights, losses.weights, losses.layers);
  const std::optional<double> others = lost_beside_weights(config, losses.open, losses.knobs);
  return weights && others ? std::optional(*weights + *others) : std::nullopt;
}

Prior::Prior(const FittedCosts& costs, const Workload& workload, QualityLosses losses,
             std::span<const std::int32_t> vocabulary)
    : speeds_(costs.model, workload, workload.seed, vocabulary), losses_(std::move(losses)) {}

std::optional<Prediction> Prior::predict(const DeployConfig& config, const Workload& rated) {
  const std::optional<LoadLevel> level = workload_level(rated);
  if (!level) return std::nullopt;
  return prediction_of(speeds_.estimate(config, *level), predicted_kl(config, losses_), rated);
}

std::vector<DeployConfig> calibration_candidates(const ConfigSpace& space, int count,
                                                 std::uint64_t seed) {
  Rng rng{seed, kCandidateDraws};
  std::set<Point> seen;
  std::vector<DeployConfig> drawn;
  for (int i = 0; i < 4 * count && static_cast<int>(drawn.size()) < count; ++i) {
    Point point;
    for (const KnobDomain& knob : space.knobs())
      point.push_back(rng.below(static_cast<int>(knob.choices.size())));
    const std::optional<Point> canonical = space.canonical(point);
    if (canonical && seen.insert(*canonical).second) drawn.push_back(space.config(*canonical));
  }
  return drawn;
}

std::string cost_model_text(const CalibratedCosts& costs) {
  if (!costs.costs) return "not calibrated, so nothing was predicted: " + costs.failure;
  const PredictionErrors& errors = costs.costs->errors;
  char part[160];
  std::snprintf(
      part, sizeof part,
      "calibrated on %d short runs in %.1f s; each predicted from all the others, off by ",
      costs.costs->runs, costs.costs->seconds);
  std::string text = part;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const LoadMetric& metric = kLoadMetrics[i];
    if (metric.rate == &LoadRun::request_rate) continue;  // as output tokens/s
    std::snprintf(part, sizeof part, "%s%.0f %% in %s", i == 0 ? "" : ", ", 100 * errors[i].median,
                  std::string(metric.name).c_str());
    text += part;
  }
  std::snprintf(part, sizeof part, " (medians; rank correlation of output tokens/s %.2f)",
                errors[0].rank_correlation);
  return text + part;
}

}  // namespace paretune
