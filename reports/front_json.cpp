// front.json, "paretune.front/1": every key is documented in reports/front.schema.json. Numbers
// that are not finite (the open end of an interval) are null.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "optimizer/prediction_accuracy.h"
#include "reports/estimate_json.h"
#include "reports/facts.h"
#include "reports/report.h"
#include "runtime/deployment.h"

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

Json objectives_of(const Study& study) {
  Json out = Json::array();
  for (const ObjectiveRow& row : kObjectives) {
    out.push_back({{"key", row.key},
                   {"title", row.title(study)},
                   {"unit", row.unit},
                   {"direction", "minimize"}});
  }
  return out;
}

Json latency(const LoadRun& run) {
  Json out = Json::object();
  for (const LatencyMetric& metric : kLatencyMetrics) {
    const Distribution& d = run.latency.of(metric);
    Json percentiles = Json::object();
    for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
      Json p = estimate_json(d.percentiles[i]);
      p["enough_samples"] = d.enough(i);
      percentiles[std::string(kPercentiles[i].name)] = std::move(p);
    }
    out[std::string(metric.name)] = {
        {"samples", d.samples}, {"mean", d.mean}, {"percentiles", std::move(percentiles)}};
  }
  return out;
}

Json capabilities(std::span<const Capability> capabilities) {
  Json out = Json::array();
  for (const Capability& c : capabilities) {
    out.push_back({{"name", c.name},
                   {"items", c.items},
                   {"accuracy", c.accuracy},
                   {"standard_error", c.standard_error},
                   {"reference_accuracy", c.reference_accuracy},
                   {"broken", c.broken},
                   {"mended", c.mended},
                   {"drop", c.drop},
                   {"drop_standard_error", c.drop_standard_error},
                   {"mcnemar_p", c.mcnemar_p},
                   {"rated", c.rated},
                   {"reference_likelihood", c.reference_likelihood},
                   {"likelihood_drop", c.likelihood_drop},
                   {"likelihood_drop_standard_error", c.likelihood_drop_standard_error}});
  }
  return out;
}

Json metrics_of(const Trial& trial) {
  Json out = Json::object();
  for (const TrialColumn& column : trial_columns())
    out[std::string(column.name)] = column.value(trial);
  return out;
}

Json front_point(const Study& study, const Trial& trial) {
  Json objectives = Json::object();
  for (const ObjectiveRow& row : kObjectives) {
    objectives[std::string(row.key)] = estimate_json(row.estimate(study, trial));
  }
  Json searched = nullptr;
  if (trial.searched) {
    searched = {{"usd_per_million_output_tokens", trial.searched->usd_per_million_output_tokens},
                {"latency_ms", trial.searched->latency_ms}};
  }
  return {{"trial", trial.id},
          {"config", Json::parse(to_json(trial.config))},
          {"feasible", trial.feasible},
          {"violations", trial.violations},
          {"objectives", std::move(objectives)},
          {"searched", std::move(searched)},
          {"metrics", metrics_of(trial)},
          {"latency", latency(trial.measurement.speed.at_workload)},
          {"capabilities", capabilities(trial.measurement.quality.capabilities)},
          {"measured_at", trial.measurement.measured_at}};
}

Json front_of(const Study& study) {
  Json out = Json::array();
  for (const Trial* trial : front_trials(study)) out.push_back(front_point(study, *trial));
  return out;
}

// With its config, since a pick such as the default need not be on the front.
Json picks_of(const Study& study) {
  Json out = Json::array();
  for (const Pick& pick : study.picks) {
    const Trial* trial = find_trial(study, pick.trial);
    if (!trial) continue;
    out.push_back({{"name", pick.name},
                   {"trial", pick.trial},
                   {"reason", pick.reason},
                   {"config", Json::parse(to_json(trial->config))},
                   {"metrics", ran(*trial) ? metrics_of(*trial) : Json::object()}});
  }
  return out;
}

Json gates_of(const Study& study) {
  Json out = Json::array();
  for (const auto& [trial, gate] : study.gates) {
    out.push_back({{"trial", trial},
                   {"verdict", verdict_name(gate.verdict)},
                   {"reason", gate.reason},
                   {"looks", gate.looks},
                   {"not_asked", gate.unasked},
                   {"nothing_to_lose", gate.nothing_to_lose},
                   {"capabilities", capabilities(gate.capabilities)}});
  }
  return out;
}

Json verification_of(const Verification& verification) {
  if (!verification.done) return nullptr;
  Json metrics = Json::array();
  for (const VerifiedMetric& metric : verification.metrics) {
    metrics.push_back({{"name", metric.name},
                       {"promised", metric.promised},
                       {"verified", metric.verified},
                       {"difference", metric.difference()}});
  }
  return {{"trial", verification.trial},
          {"seed", verification.seed},
          {"meets_slo", verification.meets_slo},
          {"not_worse_than_default", verification.not_worse_than_default},
          {"cost_ratio", estimate_json(verification.cost_ratio)},
          {"verdict", verification.verdict},
          {"metrics", std::move(metrics)}};
}

Json trials_of(const Study& study) {
  const auto count = [&](auto test) {
    return std::count_if(study.trials.begin(), study.trials.end(), test);
  };
  return {{"total", study.trials.size()},
          {"ran", count(ran)},
          {"feasible", count([](const Trial& t) { return t.feasible; })},
          {"resumed", study.resumed_trials}};
}

Json tie_rows(const Study& study) {
  Json out = Json::array();
  for (const TieGroup& group : study.ties)
    out.push_back({{"trial", group.trial}, {"with", group.with}});
  return out;
}

Json limits_of(const Study& study) {
  Json out = Json::array();
  for (const LimitPrice& price : study.prices) {
    const bool any = price.trial >= 0;
    out.push_back(
        {{"limit", price.limit},
         {"relaxed", price.relaxed},
         {"trial", any ? Json(price.trial) : Json(nullptr)},
         {"usd_per_million_output_tokens", any ? Json(price.relaxed_cost) : Json(nullptr)},
         {"saving", price.saving},
         {"front_gain", price.front_gain},
         {"makes_feasible", price.makes_feasible}});
  }
  return out;
}

Json effects_of(const Study& study) {
  Json out = Json::array();
  for (const KnobEffect& effect : study.effects) {
    Json row{{"knob", effect.knob}};
    for (std::size_t i = 0; i < kObjectives.size(); ++i) {
      row[std::string(kObjectives[i].key)] = {{"ratio", effect.of[i].ratio},
                                              {"best", effect.of[i].best}};
    }
    out.push_back(std::move(row));
  }
  return out;
}

// What was predicted of trials before they ran, and how wrong that was.
Json predictions_of(const Study& study) {
  if (study.cost_model.empty()) return nullptr;
  Json metrics = Json::array(), trials = Json::array();
  for (const PredictedMetric& metric : kPredictedMetrics) {
    const PredictionError e = prediction_error(study, metric);
    metrics.push_back({{"key", metric.key},
                       {"trials", e.configs},
                       {"median_error", e.median},
                       {"p90_error", e.p90},
                       {"bias", e.bias},
                       {"rank_correlation", e.rank_correlation}});
  }
  for (const Trial& trial : study.trials) {
    if (!trial.predicted || !ran(trial)) continue;
    Json predicted = Json::object(), measured = Json::object();
    for (const PredictedMetric& metric : kPredictedMetrics) {
      predicted[std::string(metric.key)] = metric.predicted(*trial.predicted);
      measured[std::string(metric.key)] = metric.measured(trial);
    }
    trials.push_back({{"trial", trial.id},
                      {"predicted", std::move(predicted)},
                      {"measured", std::move(measured)}});
  }
  return {{"cost_model", study.cost_model},
          {"metrics", std::move(metrics)},
          {"trials", std::move(trials)}};
}

Json space_of(const Study& study) {
  Json out = Json::array();
  for (const SpaceSize& size : study.space) {
    out.push_back({{"after", size.after},
                   {"reason", size.reason},
                   {"configs", size.configs},
                   {"exact", size.exact}});
  }
  return out;
}

Json knob_losses_of(const Study& study) {
  Json out = Json::array();
  for (const KnobLoss& loss : study.knob_losses) {
    out.push_back({{"knob", loss.knob},
                   {"value", loss.value},
                   {"smoothing", loss.smoothing},
                   {"kl_divergence", loss.kl_divergence},
                   {"kl_standard_error", loss.kl_standard_error}});
  }
  return out;
}

Json sensitivity_of(const Study& study) {
  Json out = Json::array();
  for (const Sensitivity& s : study.sensitivity) {
    out.push_back({{"layers", layer_kind_info(s.kind).name},
                   {"treatment", to_text(s.treatment)},
                   {"kl_divergence", s.kl_divergence},
                   {"kl_standard_error", s.kl_standard_error}});
  }
  return out;
}

Json layer_losses_of(const Study& study) {
  Json out = Json::array();
  for (const LayerLoss& loss : study.layer_losses) {
    out.push_back({{"layers", layer_kind_info(loss.kind).name},
                   {"first", loss.first},
                   {"last", loss.last},
                   {"treatment", to_text(loss.probe)},
                   {"kl_divergence", loss.kl_divergence},
                   {"kl_standard_error", loss.kl_standard_error}});
  }
  return out;
}

Json ladder_of(const Study& study) {
  Json out = Json::array();
  for (const Rung& rung : study.ladder) {
    out.push_back({{"treatment", rung.treatment},
                   {"bits_per_weight", rung.bits_per_weight},
                   {"kl_divergence", rung.kl_divergence},
                   {"kl_standard_error", rung.kl_standard_error},
                   {"capabilities", capabilities(rung.capabilities)}});
  }
  return out;
}

Json certified_of(const Study& study) {
  if (!study.certified) return {};
  const CertifiedGap& gap = *study.certified;
  return {{"reached", gap.reached},
          {"reachable", gap.reachable},
          {"policies", gap.policies},
          {"broken", gap.broken}};
}

Json manifest_of(const Study& study) {
  return {
      {"study", study.id},
      {"command", study.command},
      {"build", study.build},
      {"started_at", study.started_at},
      {"finished_at", study.finished_at},
      {"seconds", study.seconds},
      {"stop_reason", study.stop_reason},
      {"regret", study.regret ? Json(*study.regret) : Json()},
      {"certified", certified_of(study)},
      {"effort", study.effort},
      {"strategy", study.strategy},
      {"seed", study.seed},
      {"model",
       {{"path", study.model_path}, {"hash", study.model_hash}, {"format", study.model_format}}},
      {"machine",
       {{"cpu", study.machine.cpu},
        {"cores", study.machine.cores},
        {"memory_bytes", study.machine.memory_bytes},
        {"isa", study.machine.isa},
        {"fingerprint", study.machine.fingerprint}}},
      {"workload", Json::parse(study.workload_json, nullptr, false)}};
}

}  // namespace

std::string front_json(const Study& study) {
  Json manifest = manifest_of(study);
  if (manifest["workload"].is_discarded())
    manifest["workload"] = nullptr;  // a study without a workload
  const Json out{
      {"schema", "paretune.front/1"},
      {"feasible", study.feasible},
      {"binding_constraint",
       study.binding_constraint.empty() ? Json(nullptr) : Json(study.binding_constraint)},
      {"objectives", objectives_of(study)},
      {"front", front_of(study)},
      {"picks", picks_of(study)},
      {"quality_gate", gates_of(study)},
      {"ties", tie_rows(study)},
      {"limits", limits_of(study)},
      {"knob_effects", effects_of(study)},
      {"verification", verification_of(study.verification)},
      {"trials", trials_of(study)},
      {"predictions", predictions_of(study)},
      {"space", space_of(study)},
      {"knob_losses", knob_losses_of(study)},
      {"sensitivity", sensitivity_of(study)},
      {"layer_losses", layer_losses_of(study)},
      {"ladder", ladder_of(study)},
      {"manifest", std::move(manifest)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace paretune
