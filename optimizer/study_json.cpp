#include "optimizer/study_json.h"

#include <algorithm>
#include <stdexcept>

#include "optimizer/judge.h"
#include "profiles/field_json.h"
#include "profiles/measurement_json.h"
#include "runtime/deployment.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

// The parts of a study that are stored in another shape.
struct StoredStudy {
  std::string workload_file;  // as typed
  Study study;
  RunOptions options;
};

struct StoredTrial {
  int id = 0;
  DeployConfig config;
  Measurement measurement;
  std::optional<Objectives> searched;
  std::optional<Prediction> predicted;
  double slowdown = 1;
  std::vector<std::string> other_violations;  // that judge_trial does not find
};

}  // namespace

// Types with a text of their own.

static FieldJson write_leaf(Is<DeployConfig> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, DeployConfig& v) {
  v = parse_config(json.dump(), where, {});
}

static FieldJson write_leaf(Is<Measurement> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, Measurement& v) {
  v = parse_measurement(json.dump(), where);
}

static FieldJson write_leaf(Is<Capability> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, Capability& v) {
  v = parse_capability(json.dump(), where);
}

static FieldJson write_leaf(Is<KnobLoss> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, KnobLoss& v) {
  v = parse_knob_loss(json.dump(), where);
}

static FieldJson write_leaf(Is<Rung> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, Rung& v) {
  v = parse_rung(json.dump(), where);
}

static FieldJson write_leaf(Is<Sensitivity> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, Sensitivity& v) {
  v = parse_sensitivity(json.dump(), where);
}

static FieldJson write_leaf(Is<LayerLoss> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, LayerLoss& v) {
  v = parse_layer_loss(json.dump(), where);
}

static FieldJson write_leaf(Is<KernelTable> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, KernelTable& v) {
  v = kernel_table_from_json(json.dump(), where);
}

static FieldJson write_leaf(Is<Policy> auto& v) { return to_text(v); }
static void read_leaf(const FieldJson& json, const std::string& where, Policy& v) {
  if (!json.is_string())
    throw std::runtime_error(where + ": found " + json.dump() + ", allowed: a policy");
  v = parse_policy(json.get<std::string>(), where);
}

static FieldJson write_leaf(Is<GateVerdict> auto& v) { return verdict_name(v); }
static void read_leaf(const FieldJson& json, const std::string& where, GateVerdict& v) {
  for (const GateVerdict verdict :
       {GateVerdict::passed, GateVerdict::failed, GateVerdict::undecided}) {
    if (json == verdict_name(verdict)) return void(v = verdict);
  }
  throw std::runtime_error(where + ": found " + json.dump() +
                           ", allowed: passed, failed, undecided");
}

// Structs, field by field (profiles/field_json.h).

static void fields(Is<PolicyPrediction> auto& s, auto&& visit) {
  auto& [policy, kl_divergence, seconds, weight_bytes] = s;
  visit("policy", policy), visit("kl_divergence", kl_divergence), visit("seconds", seconds);
  visit("weight_bytes", weight_bytes);
}

static void fields(Is<ModelShape> auto& s, auto&& visit) {
  auto& [architecture, n_layers, d_model, n_heads, n_kv_heads, head_dim, d_ff, vocab_size,
         max_seq_len, n_experts, n_experts_used, renormalized_experts, rms_epsilon, rope_theta,
         rope_inverse_frequencies, qkv_bias, qk_norm, tied_output] = s;
  visit("architecture", architecture), visit("n_layers", n_layers), visit("d_model", d_model);
  visit("n_heads", n_heads), visit("n_kv_heads", n_kv_heads), visit("head_dim", head_dim);
  visit("d_ff", d_ff), visit("vocab_size", vocab_size), visit("max_seq_len", max_seq_len);
  visit("n_experts", n_experts), visit("n_experts_used", n_experts_used);
  visit("renormalized_experts", renormalized_experts), visit("rms_epsilon", rms_epsilon);
  visit("rope_theta", rope_theta), visit("rope_inverse_frequencies", rope_inverse_frequencies);
  visit("qkv_bias", qkv_bias), visit("qk_norm", qk_norm), visit("tied_output", tied_output);
}

static void fields(Is<Machine> auto& s, auto&& visit) {
  auto& [cpu, cores, physical_cores, memory_bytes, isa, fingerprint] = s;
  visit("cpu", cpu), visit("cores", cores), visit("physical_cores", physical_cores);
  visit("memory_bytes", memory_bytes), visit("isa", isa), visit("fingerprint", fingerprint);
}

static void fields(Is<Objectives> auto& s, auto&& visit) {
  auto& [usd_per_million_output_tokens, latency_ms, kl_divergence] = s;
  visit("usd_per_million_output_tokens", usd_per_million_output_tokens);
  visit("latency_ms", latency_ms), visit("kl_divergence", kl_divergence);
}

static void fields(Is<Prediction> auto& s, auto&& visit) {
  auto& [objectives, max_rate, output_tokens_per_s, meets_slo] = s;
  visit("objectives", objectives), visit("max_rate", max_rate);
  visit("output_tokens_per_s", output_tokens_per_s), visit("meets_slo", meets_slo);
}

static void fields(Is<KnobDomain> auto& s, auto&& visit) {
  auto& [name, effect, help, choices] = s;
  visit("name", name), visit("effect", effect), visit("help", help), visit("choices", choices);
}

static void fields(Is<SpaceSize> auto& s, auto&& visit) {
  auto& [after, reason, configs, exact] = s;
  visit("after", after), visit("reason", reason), visit("configs", configs);
  visit("exact", exact);
}

static void fields(Is<GateResult> auto& s, auto&& visit) {
  auto& [verdict, capabilities, reason, looks, unasked, nothing_to_lose] = s;
  visit("verdict", verdict), visit("capabilities", capabilities), visit("reason", reason);
  visit("looks", looks), visit("unasked", unasked);
  visit("nothing_to_lose", nothing_to_lose, kAddedLater);
}

static void fields(Is<GateTrial> auto& s, auto&& visit) {
  auto& [trial, result] = s;
  visit("trial", trial), visit("result", result);
}

static void fields(Is<VerifiedMetric> auto& s, auto&& visit) {
  auto& [name, promised, verified] = s;
  visit("name", name), visit("promised", promised), visit("verified", verified);
}

static void fields(Is<Estimate> auto& s, auto&& visit) {
  auto& [value, low, high] = s;
  visit("value", value), visit("low", low), visit("high", high);
}

static void fields(Is<CertifiedGap> auto& s, auto&& visit) {
  auto& [reached, reachable, policies, broken] = s;
  visit("reached", reached), visit("reachable", reachable), visit("policies", policies);
  visit("broken", broken);
}

static void fields(Is<Verification> auto& s, auto&& visit) {
  auto& [done, trial, seed, measurement, default_measurement, metrics, meets_slo,
         not_worse_than_default, cost_ratio, verdict] = s;
  visit("done", done), visit("trial", trial), visit("seed", seed),
      visit("measurement", measurement);
  visit("default_measurement", default_measurement), visit("metrics", metrics);
  visit("meets_slo", meets_slo), visit("not_worse_than_default", not_worse_than_default);
  visit("cost_ratio", cost_ratio), visit("verdict", verdict);
}

// Not visited: what parse_study judges anew, the trials (texts of their own), and the workload,
// which is read from workload_json.
static void fields(Is<Study> auto& s, auto&& visit) {
  auto& [id, workload, workload_json, model_path, model_hash, calibration, model_format, model,
         machine, build, command, started_at, finished_at, strategy, seed, knob_losses, sensitivity,
         layer_losses, ladder, proposals, cost_model, kernels, latency_objective, knobs, space,
         trials, front, picks, feasible, binding_constraint, ties, prices, effects, gates,
         verification, progress, seconds, resumed_trials, regret, certified, effort, stop_reason] =
      s;
  visit("id", id), visit("workload_json", workload_json), visit("model_path", model_path);
  visit("model_hash", model_hash), visit("calibration", calibration);
  visit("model_format", model_format), visit("model", model), visit("machine", machine);
  visit("build", build), visit("command", command), visit("started_at", started_at);
  visit("finished_at", finished_at), visit("strategy", strategy), visit("seed", seed);
  visit("knob_losses", knob_losses), visit("sensitivity", sensitivity);
  visit("layer_losses", layer_losses, kAddedLater), visit("ladder", ladder, kAddedLater);
  visit("proposals", proposals);
  visit("cost_model", cost_model);
  visit("kernels", kernels);
  visit("knobs", knobs), visit("space", space), visit("gates", gates);
  visit("verification", verification), visit("seconds", seconds);
  visit("resumed_trials", resumed_trials), visit("regret", regret);
  visit("certified", certified);
  visit("effort", effort), visit("stop_reason", stop_reason);
}

static void fields(Is<RunOptions> auto& s, auto&& visit) {
  auto& [workload_file, workload_text, out, kernel_seconds] = s;
  visit("workload_file", workload_file), visit("workload_text", workload_text), visit("out", out);
  visit("kernel_seconds", kernel_seconds);
}

namespace {

void fields(Is<StoredStudy> auto& s, auto&& visit) {
  auto& [workload_file, study, options] = s;
  visit("workload_file", workload_file);
  visit("study", study), visit("options", options);
}

void fields(Is<StoredTrial> auto& s, auto&& visit) {
  auto& [id, config, measurement, searched, predicted, slowdown, other_violations] = s;
  visit("id", id), visit("config", config), visit("measurement", measurement);
  visit("searched", searched), visit("predicted", predicted);
  visit("slowdown", slowdown);
  visit("other_violations", other_violations);
}

// " (kept by <build>)", where the text still tells.
std::string writer(std::string_view text) {
  const FieldJson json = FieldJson::parse(text, nullptr, false);
  const FieldJson::json_pointer build("/study/build");
  if (json.is_discarded() || !json.contains(build) || !json[build].is_string()) return "";
  return " (kept by " + json[build].get<std::string>() + ")";
}

}  // namespace

std::string study_json(const Study& study, const RunOptions& options) {
  StoredStudy stored{
      .workload_file = study.workload.file.string(), .study = study, .options = options};
  return fields_text(stored);
}

std::string trial_json(const Trial& trial, const Workload& workload) {
  Trial judged = trial;
  judge_trial(judged, workload);
  StoredTrial stored{
      trial.id, trial.config, trial.measurement, trial.searched, trial.predicted, trial.slowdown,
      {}};
  if (judged.violations != trial.violations) stored.other_violations = trial.violations;
  return fields_text(stored);
}

StudyRecord parse_study(std::string_view text, std::span<const std::string> trials,
                        const std::string& where) {
  const std::string place = where + writer(text);
  StoredStudy stored = parse_fields<StoredStudy>(text, place);
  StudyRecord record{.study = std::move(stored.study), .options = std::move(stored.options)};
  Study& study = record.study;
  study.workload = parse_workload(study.workload_json, stored.workload_file);
  study.latency_objective = latency_objective_name(study.workload);
  for (const std::string& trial_text : trials) {
    const std::string trial_place = place + ", trial " + std::to_string(study.trials.size());
    StoredTrial kept = parse_fields<StoredTrial>(trial_text, trial_place);
    if (kept.id != static_cast<int>(study.trials.size()))
      throw std::runtime_error(trial_place + ": found the id " + std::to_string(kept.id));
    Trial trial{.id = kept.id,
                .config = std::move(kept.config),
                .measurement = std::move(kept.measurement),
                .searched = kept.searched,
                .predicted = kept.predicted,
                .slowdown = kept.slowdown};
    judge_trial(trial, study.workload);
    if (!kept.other_violations.empty()) {
      trial.violations = std::move(kept.other_violations);
      trial.feasible = false;
    }
    study.trials.push_back(std::move(trial));
  }
  const int trials_kept = static_cast<int>(study.trials.size());
  const auto check_id = [&](const std::string& key, int id) {
    if (id >= trials_kept)
      throw std::runtime_error(place + ": $.study." + key + ": found " + std::to_string(id) +
                               ", allowed: below " + std::to_string(trials_kept));
  };
  if (study.verification.done) check_id("verification.trial", study.verification.trial);
  for (std::size_t i = 0; i < study.gates.size(); ++i)
    check_id("gates[" + std::to_string(i) + "].trial", study.gates[i].trial);
  if (!study.trials.empty()) conclude(study);
  return record;
}

}  // namespace paretune
