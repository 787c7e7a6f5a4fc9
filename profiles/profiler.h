// Turns configs into measurements: each in a child process of its own, nothing measured twice.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/calibrated_costs.h"
#include "profiles/clock.h"
#include "profiles/isolate.h"
#include "profiles/measured_losses.h"
#include "profiles/measurement.h"
#include "profiles/quality_gate.h"
#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"
#include "profiles/question_scores.h"
#include "profiles/store.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/target.h"
#include "workloads/workload.h"

namespace paretune {

struct LoadedModel;

struct Profiled {
  Measurement measurement;
  bool from_store = false;   // measured by an earlier run
  bool interrupted = false;  // stopped on request: there is no measurement
};

// What is measured beside the highest rate when a config is verified.
struct VerifiedParts {
  bool own_load = false;  // speed at the workload's own load too
  // Quality by these very kernels; otherwise that of the config's quality knobs, if known.
  bool fresh_quality = false;
};

class Profiler {
 public:
  // Opens the model and tells whom it is measured for. build: identifies the code that measures.
  // stop: becomes true when the user wants no more; a trial under way is then given up. Throws
  // std::runtime_error as open_model does.
  Profiler(const Workload& workload, Store& store, Clock& clock, std::string build,
           const std::atomic<bool>& stop);

  const Target& target() const { return target_; }
  const std::string& model_hash() const { return model_hash_; }
  // What measurements depend on: the model's files and what they are calibrated on.
  std::string model_key() const { return model_hash_ + calibration_key_; }
  const std::vector<std::vector<int>>& calibration() const { return calibration_; }
  const std::string& build() const { return build_; }
  std::string model_format() const;  // of its matrices, as stored
  const QualityPlan& quality_plan() const { return plan_; }

  // Measures the full-precision model on the quality plan, or finds what an earlier run measured.
  // Everything below needs it. False: interrupted. Throws where the model cannot run at full
  // precision.
  bool prepare_reference();

  // Tunes the matrix kernels of these weight formats on this machine, within about budget_s, or
  // finds what an earlier run kept. Where the machine has changed since then, tunes again. say:
  // told in words what happens, if anything does. False: interrupted.
  bool prepare_kernels(std::span<const WeightFormat* const> formats, double budget_s, bool retune,
                       const std::function<void(const std::string&)>& say);
  const KernelTable& kernels() const { return kernels_; }

  // Measures what the parts of configs cost in quality, or finds what an earlier run measured
  // (measured_losses.h). Needs prepare_reference. False: interrupted.
  bool prepare_losses(double budget_s);
  const MeasuredLosses& losses() const { return losses_; }

  // Calibrates the cost model within about budget_s, or finds what an earlier run kept
  // (calibrated_costs.h). Needs the kernels and policies that trials will have. False: interrupted.
  bool prepare_costs(std::span<const DeployConfig> candidates, std::size_t sure, double budget_s,
                     std::uint64_t seed, const std::function<void(const std::string&)>& say);
  const CalibratedCosts& costs() const { return costs_; }
  const std::vector<std::int32_t>& vocabulary() const { return vocabulary_; }

  // The policies that configs are made of from here on (Target::policies).
  void set_policies(std::vector<Policy> policies) { target_.policies = std::move(policies); }

  // A whole trial: load time, speed under `workload`, quality. workload is the study's own with its
  // rate settled.
  Profiled measure(const DeployConfig& config, const Workload& workload, std::uint64_t seed,
                   double timeout_s);

  // Tests a config against full precision on questions that no trial used (quality_gate.h), for
  // about budget_s. kl_p999: of its trial, as of summarize_scores. nullopt: interrupted.
  std::optional<GateResult> gate(const DeployConfig& config, const GateMargins& margins,
                                 double kl_p999, double budget_s);

  // Speed at a given load, and no search (measure_speed_at).
  Profiled verify(const DeployConfig& config, const Workload& workload, double level,
                  std::uint64_t seed, double timeout_s, const VerifiedParts& parts);

 private:
  using MeasureSpeed = std::function<Speed(const LoadedModel&)>;
  Profiled run(const TrialKey& key, const DeployConfig& config, double timeout_s,
               bool fresh_quality, const MeasureSpeed& measure_speed);
  // Leaves what a trial loads in the pack cache.
  ChildResult pack(const DeployConfig& config);
  // Why more is lost than the workload allows (fault.h), of the first trials that lose more; "":
  // nothing is at fault, or there was no time to tell. nullopt: interrupted.
  std::optional<std::string> fault_of(const DeployConfig& config, const Quality& quality);
  bool takes_fault_check(const Quality& quality);  // counts them
  // As gate. Throws where a config cannot be run or an answer not be graded.
  std::optional<GateResult> asked_gate(const DeployConfig& config, const GateMargins& margins,
                                       double kl_p999, double budget_s);
  // What its products are computed by, which memos of quality depend on as well: a kernel that is
  // wrong must not show what another one scored.
  std::string kernels_of(const DeployConfig& config) const;
  // Of each question, the store's key of the config's score.
  std::vector<std::string> score_memos(const DeployConfig& config,
                                       std::span<const QualityQuestion> questions) const;
  // Of each, what it is assumed to take until the store has full precision's score and the
  // config's.
  std::vector<double> asking_seconds(const DeployConfig& config,
                                     std::span<const QualityQuestion> questions) const;
  // Memoized; nullopt: interrupted. Throws where the config cannot be run.
  std::optional<std::vector<QuestionScore>> scores_of(const DeployConfig& config,
                                                      const QualityPlan& plan);
  std::unique_ptr<ModelSource> open() const;
  // nullopt: questions are fed as plain text; serve says why when asked to chat.
  std::optional<ChatTemplate> chat_template(const Tokenizer& tokenizer) const;
  TrialKey key(std::string kind, const DeployConfig& config, const Workload& workload,
               std::uint64_t seed) const;

  Store& store_;
  Clock& clock_;
  std::string build_;
  const std::atomic<bool>& stop_;
  std::filesystem::path model_path_;
  std::unique_ptr<ModelSource> source_;
  Target target_;
  std::string model_hash_;
  std::vector<std::vector<int>> calibration_;  // the user's texts; empty: the model's own
  std::string calibration_key_;
  PackCache packs_;  // beside the store
  std::set<std::string> packed_;
  int fault_checks_left_ = 3;
  std::string trace_hash_;  // of the rows that arrivals replay
  const Workload workload_;
  int rate_steps_ = 2;
  std::vector<std::int32_t> vocabulary_;
  QualityPlan plan_;
  std::map<std::string, std::vector<QualityQuestion>> gate_questions_;  // made when first needed
  QualityReference reference_;
  KernelTable kernels_;
  MeasuredLosses losses_;
  CalibratedCosts costs_;
};

}  // namespace paretune
