// A study: everything `tune` found out about one workload on one target. Reports are pure functions
// of this value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/policy_front.h"
#include "profiles/bit_ladder.h"
#include "profiles/knob_losses.h"
#include "profiles/measurement.h"
#include "profiles/quality_gate.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"
#include "workloads/workload.h"

namespace paretune {

// The three axes; smaller is better.
struct Objectives {
  double usd_per_million_output_tokens = 0;
  double latency_ms = 0;     // the workload's latency objective, such as "ttft_ms p95"
  double kl_divergence = 0;  // quality lost against full precision

  bool operator==(const Objectives&) const = default;
};

// What the cost model and the sensitivities said of a config before it ran; NaN: nothing. Never
// shown but beside what was measured.
struct Prediction {
  Objectives objectives;
  double max_rate = 0;             // requests/s
  double output_tokens_per_s = 0;  // at that rate
  bool meets_slo = true;           // under the workload's own load
};

struct Trial {
  int id = 0;  // 0 is the default config
  DeployConfig config;
  Measurement measurement;
  Objectives objectives;  // meaningless unless the outcome is ok
  // What the search saw, where the trial was measured again since (confirm.h): its speeds are then
  // those of the fresh run.
  std::optional<Objectives> searched;
  std::optional<Prediction> predicted;  // where there was a cost model
  double slowdown = 1;                  // of the machine meanwhile, over the default's (drift.h)
  bool feasible = false;                // meets SLOs and quality floors
  std::vector<std::string> violations;  // why not: "ttft_ms p95: 512 > 300"
  bool on_front = false;  // of the feasible trials, or of all that ran where none is feasible
};

// A trial that answers a question a user would ask.
struct Pick {
  std::string name;  // "recommended", "cheapest", "fastest", "best_quality", "knee", "default"
  int trial = 0;
  std::string reason;  // one plain sentence
};

// Configs launched as they would be emitted and measured again on traffic that the search never
// saw, until one holds.
struct VerifiedMetric {
  std::string name;  // with unit
  double promised = 0;
  double verified = 0;
  double difference() const { return promised == 0 ? 0 : verified / promised - 1; }
};
// One test of the quality gate, in the order in which they were made.
struct GateTrial {
  int trial = 0;
  GateResult result;
};
struct Verification {
  bool done = false;
  int trial = 0;  // if done, the one that was launched last: whose numbers these are
  std::uint64_t seed = 0;
  Measurement measurement;
  Measurement default_measurement;  // of the default, interleaved with it on the same traffic
  std::vector<VerifiedMetric> metrics;
  bool meets_slo = false;
  bool not_worse_than_default = false;  // by a one-sided test at 5 %
  // Cost of the launched config over the default's, in pairs; 90 % interval. 0: not compared.
  Estimate cost_ratio;
  std::string verdict;  // plain words

  bool held() const { return done && meets_slo && not_worse_than_default; }
};

struct SpaceSize {
  std::string after;  // "all combinations", then the name of each rule
  std::string reason;
  double configs =
      0;  // exact where it could be counted, else estimated from a sample (then `exact` is false)
  bool exact = true;
};

struct KnobDomain {
  std::string name;
  std::string effect;
  std::string help;
  std::vector<std::string> choices;
};

struct FrontStep {
  int trial = 0;
  double seconds = 0;      // since the start of the study
  double hypervolume = 0;  // of the front so far, normalized to the default config's box
};

// Hypervolumes as FrontStep's, of the front and of the front with what nothing unmeasured can beat
// (certified_gap.h).
struct CertifiedGap {
  double reached = 0, reachable = 0;
  int policies = 0;  // whose bounds these are
  int broken = 0;    // trials that did better than their bounds: then nothing is certain
  double share() const { return reachable > 0 ? 1 - reached / reachable : 0; }
};

// Trials that the measurements cannot tell apart (intervals.h).
struct TieGroup {
  int trial = 0;          // of the front
  std::vector<int> with;  // ids, ascending
  bool operator==(const TieGroup&) const = default;
};

// What one limit costs (limit_prices.h).
struct LimitPrice {
  std::string limit;        // "tpot_ms p95 <= 25"
  std::string relaxed;      // "27.5"
  int trial = -1;           // the cheapest then; -1: still none
  double cost = 0;          // of the cheapest now, $/M output tokens; infinite: there is none
  double relaxed_cost = 0;  // of the cheapest then
  double saving = 0;        // 1 - relaxed_cost / cost, at least
  // What the front's hypervolume would gain, as a share of what it is now, at least; 0 where there
  // is none now.
  double front_gain = 0;
  bool makes_feasible = false;
};

// How far a knob moves each objective between the values that were tried (knob_effects.h).
struct KnobEffect {
  struct Effect {
    double ratio = 1;  // of the worst value's mean to the best's
    std::string best;  // the value
  };
  std::string knob;
  std::array<Effect, 3> of;  // in the order of Objectives
};

struct Study {
  std::string id;  // hash of what it is keyed by: model, machine, workload, build
  Workload workload;
  std::string workload_json;  // canonical
  std::string model_path;
  std::string model_hash;
  std::vector<std::vector<int>> calibration;  // the user's texts as token ids, if any
  std::string model_format;                   // as stored: "BF16"
  ModelShape model;
  Machine machine;
  std::string build;    // version and compiler
  std::string command;  // that made this study
  std::string started_at, finished_at;
  std::string strategy;
  std::uint64_t seed = 0;

  std::vector<KnobLoss> knob_losses;        // of activations and KV cache, each alone
  std::vector<Sensitivity> sensitivity;     // of open kinds of layers, each alone
  std::vector<LayerLoss> layer_losses;      // of spans of layers of each such kind, each alone
  std::vector<Rung> ladder;                 // of bits, until capabilities break
  std::vector<PolicyPrediction> proposals;  // policies that the search got from it, slowest first

  std::string cost_model;  // how it was calibrated, or why not, in words; "": the search used none

  KernelTable kernels;  // what the kernel "tuned" means in these configs

  std::string latency_objective;  // "ttft_ms p95"
  std::vector<KnobDomain> knobs;
  std::vector<SpaceSize> space;
  std::vector<Trial> trials;  // by id
  std::vector<int> front;     // trial ids, by cost
  std::vector<Pick> picks;    // "recommended" first
  bool feasible = false;      // some trial meets SLOs and floors
  std::string
      binding_constraint;      // where none does: the limit that keeps most from it, in plain words
  std::vector<TieGroup> ties;  // by cost
  std::vector<LimitPrice> prices;   // of the limits
  std::vector<KnobEffect> effects;  // the largest first
  std::vector<GateTrial> gates;
  Verification verification;
  std::vector<FrontStep> progress;
  double seconds = 0;      // wall time of the study, resumed parts included
  int resumed_trials = 0;  // taken from the store instead of measured now
  // What the front may still lack, as a share of the hypervolume of all configs' (logarithmic
  // axes): a 95 % quantile by the search's models. Absent where the search cannot tell.
  std::optional<double> regret;
  std::optional<CertifiedGap> certified;  // absent where nothing bounds speeds
  std::string effort;                     // what the budget made smaller, in words (effort.h)
  std::string stop_reason;                // "budget of 40 trials used", "interrupted", …

  const Trial* find_pick(std::string_view name) const;  // nullptr: there is none
};

// Study::latency_objective of a study of this workload.
std::string latency_objective_name(const Workload& workload);

const Trial& trial_of(const Study& study, int id);  // one of its trials

// What the quality gate found of a trial; nullptr: it was not tested.
const GateResult* gate_of(const Study& study, int id);
bool fails_gate(const Study& study, int id);

// What its regret says, as a sentence; "": it has none.
std::string regret_text(const Study& study);
// The same of its certified gap.
std::string certified_text(const Study& study);

// Columns that tables of trials share: name, unit, value.
struct TrialColumn {
  std::string_view name;   // JSON and CSV key, with unit
  std::string_view title;  // for people
  double (*value)(const Trial&);
};
std::vector<TrialColumn> trial_columns();

}  // namespace paretune
