// What the user wants served, as workload.json says it (parsed by workloads/workload_json.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workloads/arrival.h"
#include "workloads/graders.h"
#include "workloads/length.h"
#include "workloads/slo.h"

namespace paretune {

struct TrafficClass {
  std::string name;
  double share = 1;          // of the requests; the shares of all classes add up to 1
  LengthSpec input_seq_len;  // the whole prompt, shared prefix included
  LengthSpec output_seq_len;
  struct Prefix {
    int prefix_len = 0;  // the first tokens of a prompt that its group has in common; at most the
                         // prompt but one token
    int num_groups = 0;  // requests fall into one of them with equal chance; 0: nothing is shared
    bool operator==(const Prefix&) const = default;
  } prefix;
  bool operator==(const TrafficClass&) const = default;
};

struct EvalSpec {
  std::string path;  // as written; JSONL (workloads/evals.h), or "probe:<name>" (probes.h)
  std::filesystem::path file;  // relative to the workload's folder
  std::string name;            // default: the file's stem
  const Grader* grader =
      nullptr;          // null: choice_logprob for items with choices, exact_match for the others
  std::string command;  // a program that grades (command_grader.cpp); run by sh
  std::optional<int> max_items;  // a seeded subset of this many
  std::filesystem::path folder;  // the workload's, where the command runs
  bool chat_template = true;     // prompts are a user's turn; false: fed as they stand
  bool operator==(const EvalSpec&) const = default;
};

struct TextSpec {
  std::string path;  // as written; .txt or .jsonl (workloads/text.h)
  std::filesystem::path file;
  bool operator==(const TextSpec&) const = default;
};

struct CapabilityFloor {
  std::optional<double> min_accuracy;
  std::optional<double> max_drop;  // below the full-precision model's accuracy, absolute
  bool operator==(const CapabilityFloor&) const = default;
};

// The floor on text where the workload has none, nats.
inline constexpr double kDefaultMaxKl = 0.02;

// Each holds only when given.
struct QualityFloors {
  std::optional<double>
      max_kl_divergence;  // mean over tokens, nats, against the full-precision model
  std::optional<double> min_same_top1_fraction;
  std::optional<double> max_perplexity_ratio;
  std::optional<double> min_accuracy;  // mean over capabilities
  std::optional<double> max_drop;
  std::map<std::string, CapabilityFloor> capabilities;
  bool operator==(const QualityFloors&) const = default;
};

struct QualitySpec {
  std::vector<EvalSpec> evals;
  std::vector<TextSpec> text;          // for KL divergence, same-top-1 and perplexity
  std::optional<int> max_text_tokens;  // of all texts together
  std::optional<int> max_questions;    // asked of a trial, of all evals together
  // What compression is calibrated on; empty: the model's own samples. kTrainingSplit (evals.h)
  // among the paths: a quarter of the evals' questions, which are then asked of no config.
  std::vector<TextSpec> calibration;
  QualityFloors floors;
  bool operator==(const QualitySpec&) const = default;
};

struct CostSpec {
  double usd_per_hour = 0;   // of the machine that serves
  std::string price_source;  // where the price was read
  std::string price_date;    // YYYY-MM-DD
  bool operator==(const CostSpec&) const = default;
};

struct BudgetSpec {
  double minutes = 10;        // wall time of the whole study
  std::optional<int> trials;  // absent: as many as the minutes allow
  bool operator==(const BudgetSpec&) const = default;
};

// Which latency the front shows.
struct LatencyObjective {
  const LatencyMetric* metric = &kE2e;
  Percentile percentile = kPercentiles[2];
  bool operator==(const LatencyObjective&) const = default;
};

struct Workload {
  std::filesystem::path file;  // where it was read; paths in it are relative to its folder
  std::string name;
  std::string description;
  std::string model;                 // as written
  std::filesystem::path model_path;  // relative to the workload's folder
  std::vector<TrafficClass>
      traffic;  // empty when the arrivals are a trace, which has lengths of its own
  ArrivalSpec arrival;
  Slo slo;
  QualitySpec quality;
  CostSpec cost;
  BudgetSpec budget;
  LatencyObjective objective;  // default: the first bound of the SLO, else p95 of E2E
  // Restricts the search: knob name to the values to try, as text ("int8", "64", "true").
  std::map<std::string, std::vector<std::string>> space;
  // What compression may touch: kinds of layers or groups of them (runtime/compression/policy.h);
  // empty: those that lose least.
  std::vector<std::string> open_layers;
  int num_requests = 64;  // measured in one trial, after the warm-up
  int warmup_requests = 4;
  std::uint64_t seed = 1;
  std::vector<TraceRow>
      trace;  // filled by load_workload, clipped; empty unless the arrivals are a trace
  bool operator==(const Workload&) const = default;
};

}  // namespace paretune
