#include "optimizer/study.h"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace paretune {

const Trial* Study::find_pick(std::string_view name) const {
  const auto pick = std::ranges::find(picks, name, &Pick::name);
  return pick == picks.end() ? nullptr : &trials[static_cast<std::size_t>(pick->trial)];
}

std::string latency_objective_name(const Workload& workload) {
  return std::string(workload.objective.metric->name) + " " +
         std::string(workload.objective.percentile.name);
}

const Trial& trial_of(const Study& study, int id) {
  return study.trials[static_cast<std::size_t>(id)];
}

const GateResult* gate_of(const Study& study, int id) {
  const auto gate = std::ranges::find(study.gates, id, &GateTrial::trial);
  return gate == study.gates.end() ? nullptr : &gate->result;
}

bool fails_gate(const Study& study, int id) {
  const GateResult* const gate = gate_of(study, id);
  return gate && gate->verdict == GateVerdict::failed;
}

constexpr double kTelling = 0.5;  // a larger bound says nothing

std::string regret_text(const Study& study) {
  if (!study.regret) return "";
  if (*study.regret > kTelling)
    return "Too few trials for the search's models to tell what the front lacks.";
  char text[160];
  std::snprintf(text, sizeof text,
                "By the search's models, the front lacks at most %.2g %% of the hypervolume that "
                "all configs have (95 %%).",
                100 * *study.regret);
  return text;
}

std::string certified_text(const Study& study) {
  if (!study.certified) return "";
  const CertifiedGap& gap = *study.certified;
  char text[400];
  if (gap.broken > 0) {
    std::snprintf(text, sizeof text,
                  "Nothing is certified: %d trials did better than their lower bounds.",
                  gap.broken);
  } else {
    std::snprintf(
        text, sizeof text,
        "Certified: the front has at least %.0f %% of the hypervolume that any config with one of "
        "this space's %d policies could give it, if none serves faster than its matrix products "
        "alone and (an assumption) none loses less than half of what its worst part loses alone.",
        100 * (1 - gap.share()), gap.policies);
  }
  return text;
}

std::vector<TrialColumn> trial_columns() {
  return {
      {"usd_per_million_output_tokens", "$/M output tokens",
       [](const Trial& t) { return t.measurement.speed.usd_per_million_output_tokens; }},
      {"latency_ms", "latency objective, ms",
       [](const Trial& t) { return t.objectives.latency_ms; }},
      {"kl_divergence", "KL divergence, nats",
       [](const Trial& t) { return t.measurement.quality.kl_divergence; }},
      {"max_rate", "max requests/s", [](const Trial& t) { return t.measurement.speed.max_rate; }},
      {"output_tokens_per_s", "output tokens/s",
       [](const Trial& t) { return t.measurement.speed.at_max_rate.output_tokens_per_s; }},
      {"goodput", "goodput, requests/s",
       [](const Trial& t) { return t.measurement.speed.at_max_rate.goodput; }},
      {"slo_attainment", "SLO attainment",
       [](const Trial& t) { return t.measurement.speed.at_workload.slo_attainment; }},
      {"ttft_ms_p95", "TTFT p95, ms",
       [](const Trial& t) {
         return t.measurement.speed.at_workload.latency.ttft_ms.percentiles[2].value;
       }},
      {"itl_ms_p95", "ITL p95, ms",
       [](const Trial& t) {
         return t.measurement.speed.at_workload.latency.itl_ms.percentiles[2].value;
       }},
      {"tpot_ms_p95", "TPOT p95, ms",
       [](const Trial& t) {
         return t.measurement.speed.at_workload.latency.tpot_ms.percentiles[2].value;
       }},
      {"e2e_latency_ms_p95", "E2E p95, ms",
       [](const Trial& t) {
         return t.measurement.speed.at_workload.latency.e2e_latency_ms.percentiles[2].value;
       }},
      {"same_top1_fraction", "same top-1",
       [](const Trial& t) { return t.measurement.quality.same_top1_fraction; }},
      {"kl_p99", "KL p99", [](const Trial& t) { return t.measurement.quality.kl_p99; }},
      {"kl_p999", "KL p99.9", [](const Trial& t) { return t.measurement.quality.kl_p999; }},
      {"same_answers_fraction", "same greedy answers",
       [](const Trial& t) {
         const Quality& q = t.measurement.quality;
         return q.answers == 0 ? std::numeric_limits<double>::quiet_NaN() : q.same_answers_fraction;
       }},
      {"perplexity_ratio", "perplexity ratio",
       [](const Trial& t) { return t.measurement.quality.perplexity_ratio; }},
      {"accuracy", "accuracy",
       [](const Trial& t) {
         // No questions, no accuracy.
         return t.measurement.quality.capabilities.empty()
                    ? std::numeric_limits<double>::quiet_NaN()
                    : t.measurement.quality.accuracy;
       }},
      {"peak_memory_bytes", "peak memory, bytes",
       [](const Trial& t) { return static_cast<double>(t.measurement.speed.peak_memory_bytes); }},
      {"load_s", "load, s", [](const Trial& t) { return t.measurement.speed.load_s; }},
      {"slowdown", "machine's slowdown", [](const Trial& t) { return t.slowdown; }},
  };
}

}  // namespace paretune
