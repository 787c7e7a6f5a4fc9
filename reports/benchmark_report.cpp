#include "reports/benchmark_report.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "optimizer/intervals.h"
#include "profiles/digest.h"
#include "reports/estimate_json.h"
#include "reports/facts.h"
#include "reports/text.h"
#include "runtime/deployment.h"

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTool = "paretune";

// Their names of our percentiles.
constexpr std::array kPercentileKeys{"p50", "p90", "p95", "p99", "p99p9"};
static_assert(kPercentileKeys.size() == kPercentiles.size());

struct LatencyKey {
  const LatencyMetric* metric;
  std::string_view key, units;
};
constexpr std::array kLatencyKeys{LatencyKey{&kTtft, "time_to_first_token", "ms"},
                                  LatencyKey{&kTpot, "time_per_output_token", "ms/token"},
                                  LatencyKey{&kItl, "inter_token_latency", "ms/token"},
                                  LatencyKey{&kE2e, "request_latency", "ms"}};
static_assert(kLatencyKeys.size() == kLatencyMetrics.size());

Json statistics(const Distribution& d, std::string_view units) {
  Json out{{"units", units}, {"mean", d.mean}};
  for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
    if (d.enough(i)) out[kPercentileKeys[i]] = d.percentiles[i].value;
  }
  return out;
}

Json rate(double value, std::string_view units) { return {{"units", units}, {"mean", value}}; }

Json run_of(const Study& study, const Trial& trial) {
  char duration[32];
  std::snprintf(duration, sizeof duration, "PT%.3fS", trial.measurement.speed.at_workload.seconds);
  Json time = Json::object();
  if (!trial.measurement.measured_at.empty()) time["end"] = trial.measurement.measured_at;
  time["duration"] = duration;
  return {{"uid", digest({study.id, "trial", std::to_string(trial.id)})},
          {"eid", study.id},
          {"cid", study.machine.fingerprint},
          {"time", std::move(time)},
          {"description", cat({"trial ", std::to_string(trial.id), " of tune ", study.workload.name,
                               ": ", config_text(study, trial)})},
          {"keywords", pick_names(study, trial.id)}};
}

Json engine_of(const Study& study, const Trial& trial) {
  const std::string config = to_json(trial.config);
  return {{"metadata",
           {{"schema_version", "0.0.1"}, {"label", "paretune-0"}, {"cfg_id", digest({config})}}},
          {"standardized",
           {{"kind", "inference_engine"},
            {"tool", kTool},
            {"tool_version", study.build},
            {"role", "replica"},
            {"replicas", 1},
            {"model", {{"name", std::filesystem::path(study.model_path).filename().string()}}},
            {"accelerator",
             {{"model", study.machine.cpu},
              {"count", 1},
              {"parallelism", {{"tp", 1}, {"dp", 1}, {"ep", 1}, {"pp", 1}}}}}}},
          {"native", {{"config", Json::parse(config)}}}};
}

double mean_length(const LengthSpec& spec) {
  if (spec.law != &kUniformLength && spec.law != &kEmpiricalLength) return spec.value;
  constexpr int kQuantiles = 1000;
  double sum = 0;
  for (int i = 0; i < kQuantiles; ++i) sum += length_at(spec, (i + 0.5) / kQuantiles);
  return sum / kQuantiles;
}

// measured: tokens of a request in this run, which tells of several classes or of a trace.
Json lengths(const Workload& workload, LengthSpec TrafficClass::*of, double measured) {
  if (workload.traffic.size() != 1) return {{"distribution", "other"}, {"value", measured}};
  const LengthSpec& spec = workload.traffic[0].*of;
  Json out{{"distribution", spec.law == &kFixedLength      ? "fixed"
                            : spec.law == &kUniformLength  ? "uniform"
                            : spec.law == &kGaussianLength ? "gaussian"
                                                           : "other"},
           {"value", mean_length(spec)}};
  if (spec.std_dev > 0) out["std_dev"] = spec.std_dev;
  if (spec.law != &kFixedLength) out["min"] = shortest(spec), out["max"] = longest(spec);
  return out;
}

Json load_of(const Study& study, const Trial& trial) {
  const LoadRun& run = trial.measurement.speed.at_workload;
  const auto per_request = [&](double per_s) {
    return run.request_rate > 0 ? per_s / run.request_rate : 0;
  };
  Json standardized{{"tool", kTool},
                    {"tool_version", study.build},
                    {"source", "random"},
                    {"input_seq_len", lengths(study.workload, &TrafficClass::input_seq_len,
                                              per_request(run.input_tokens_per_s))},
                    {"output_seq_len", lengths(study.workload, &TrafficClass::output_seq_len,
                                               per_request(run.output_tokens_per_s))}};
  if (study.workload.traffic.size() == 1 && study.workload.traffic[0].prefix.num_groups > 0) {
    const TrafficClass::Prefix& prefix = study.workload.traffic[0].prefix;
    standardized["prefix"] = {
        {"prefix_len", {{"distribution", "fixed"}, {"value", prefix.prefix_len}}},
        {"num_groups", prefix.num_groups},
        {"num_users_per_group", 1},
        {"num_prefixes", 1}};
  }
  if (run.offered_rate > 0) standardized["rate_qps"] = run.offered_rate;
  if (run.concurrency > 0) standardized["concurrency"] = run.concurrency;
  Json native = Json::parse(study.workload_json, nullptr, false);
  return {{"metadata",
           {{"schema_version", "0.0.1"},
            {"cfg_id", digest({study.workload_json})},
            {"description", study.workload.description}}},
          {"standardized", std::move(standardized)},
          {"native", {{"config", native.is_discarded() ? Json(nullptr) : std::move(native)}}}};
}

Json performance_of(const LoadRun& run) {
  Json latency = Json::object();
  for (const LatencyKey& row : kLatencyKeys) {
    const Distribution& d = run.latency.of(*row.metric);
    if (d.samples > 0) latency[std::string(row.key)] = statistics(d, row.units);
  }
  return {
      {"requests", {{"total", run.requests + run.failed}, {"failures", run.failed}}},
      {"latency", std::move(latency)},
      {"throughput",
       {{"input_token_rate", rate(run.input_tokens_per_s, "tokens/s")},
        {"output_token_rate", rate(run.output_tokens_per_s, "tokens/s")},
        {"total_token_rate", rate(run.input_tokens_per_s + run.output_tokens_per_s, "tokens/s")},
        {"request_rate", rate(run.request_rate, "queries/s")}}}};
}

// What the format has no place for.
Json ours(const Study& study, const Trial& trial) {
  Json metrics = Json::object();
  for (const TrialColumn& column : trial_columns()) {
    const double value = column.value(trial);
    if (std::isfinite(value)) metrics[std::string(column.name)] = value;
  }
  Json objectives = Json::object();
  for (const ObjectiveRow& row : kObjectives)
    objectives[std::string(row.key)] = estimate_json(row.estimate(study, trial));
  return {{"trial", trial.id},
          {"feasible", trial.feasible},
          {"violations", trial.violations},
          {"objectives", std::move(objectives)},
          {"metrics", std::move(metrics)},
          {"model_hash", study.model_hash},
          {"usd_per_hour", study.workload.cost.usd_per_hour}};
}

}  // namespace

std::string benchmark_report(const Study& study, const Trial& trial) {
  const Json out{
      {"version", "0.2"},
      {"run", run_of(study, trial)},
      {"scenario",
       {{"stack", Json::array({engine_of(study, trial)})}, {"load", load_of(study, trial)}}},
      {"results",
       {{"request_performance",
         {{"aggregate", performance_of(trial.measurement.speed.at_workload)}}},
        {"profiling", {{"paretune", ours(study, trial)}}}}}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace paretune
