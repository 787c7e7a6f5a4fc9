// What several reports say about a study: the objectives with their intervals, trials by role,
// configs by difference.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/study.h"

namespace paretune {

// The three axes of the front, as the reports name them.
struct ObjectiveRow {
  std::string_view key;   // in front.json and CSV, with unit
  std::string_view unit;  // for people
  std::string (*title)(const Study&);
  Estimate (*estimate)(const Study&, const Trial&);  // 95 % interval
};
std::string cost_title(const Study& study);
std::string latency_title(const Study& study);  // "TTFT p95"
std::string quality_title(const Study& study);
Estimate cost_estimate(const Study& study, const Trial& trial);
Estimate latency_estimate(const Study& study, const Trial& trial);
Estimate quality_estimate(const Study& study, const Trial& trial);
inline constexpr std::array kObjectives{
    ObjectiveRow{"usd_per_million_output_tokens", "USD per million output tokens", cost_title,
                 cost_estimate},
    ObjectiveRow{"latency_ms", "ms", latency_title, latency_estimate},
    ObjectiveRow{"kl_divergence", "nats per token", quality_title, quality_estimate},
};

// The index of the workload's percentile in kPercentiles.
std::size_t objective_percentile(const Study& study);

// "123 (118 to 131)"; "p99: needs 299 samples, has 80" where the samples do not carry the
// percentile.
std::string percentile_text(const Distribution& distribution, std::size_t percentile);
// True where the latency axis shows a percentile of fewer samples than it needs.
bool latency_is_shaky(const Study& study, const Trial& trial);

bool ran(const Trial& trial);                         // the outcome is ok: it has numbers
const Trial* find_trial(const Study& study, int id);  // nullptr: there is none
const Trial* picked(const Study& study,
                    std::string_view pick);      // nullptr: no such pick, or no such trial
const Trial* default_trial(const Study& study);  // trial 0
std::vector<const Trial*> front_trials(const Study& study);
std::vector<std::string> pick_names(const Study& study, int trial);
std::string ties_text(const Study& study, int trial);  // "3, 10"; "" for none
std::string readable(std::string_view name);           // "best_quality" as "best quality"

struct Change {
  std::string knob, from, to;
};
std::vector<Change> changes(const DeployConfig& from, const DeployConfig& to);
std::string changes_text(
    const std::vector<Change>& changes);  // "kv_cache bf16 → int8, …"; "" for none
// Against the default; "the default config" where it does not differ.
std::string config_text(const Study& study, const Trial& trial);

std::vector<std::string> knob_names();
std::vector<std::string> varying_knobs(
    const Study& study);  // those with more than one value among the trials

// "ttft_ms p95 ≤ 300 ms" for each bound, attainment and floor that the workload sets.
std::vector<std::string> limits_text(const Workload& workload);

// The load at which cost is told: the highest rate that met the SLOs, or the workload's own where
// none did.
const LoadRun& cost_run(const Trial& trial);
// "usd_per_hour / 3600 / output_tokens_per_s × 10⁶ = 0.4 / 3600 / 123 × 10⁶ = 0.903"
std::string cost_formula(const Study& study, const Trial& trial);

}  // namespace paretune
