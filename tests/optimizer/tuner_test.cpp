// A whole study on the demo model, small enough for a test: real trials, real store.
#include "optimizer/tuner.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "optimizer/judge.h"
#include "profiles/steady_clock.h"
#include "profiles/store.h"
#include "search/pareto.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

struct Silent : TuneObserver {
  void phase(const std::string& what) override { phases.push_back(what); }
  int said(const std::string& part) const {
    return static_cast<int>(std::ranges::count_if(
        phases, [&](const std::string& what) { return what.find(part) != what.npos; }));
  }
  void trial_begins(const Study&, const DeployConfig&) override {}
  void trial_ended(const Study&, const Trial&, bool from_store) override {
    measured += !from_store;
  }
  int measured = 0;
  std::vector<std::string> phases;
};

// Few, short requests and limits that every config keeps. The trials end a study, never the
// minutes: a busy machine shall not change what is tested.
constexpr std::string_view kSmall = R"({
  "name": "small", "model": "workloads/demo/demo.gguf",
  "traffic": [{"name": "t", "share": 1, "input_seq_len": 12, "output_seq_len": 4}],
  "arrival": {"process": "closed_loop", "concurrency": 2},
  "slo": {"e2e_latency_ms": {"p50": 60000}},
  "objective": {"latency_metric": "e2e_latency_ms", "percentile": "p50"},
  "quality": {"evals": [{"path": "workloads/demo/evals/sort.jsonl", "max_items": 4}], "text": ["workloads/demo/evals/story.jsonl"], "max_text_tokens": 200,
              "floors": {"max_kl_divergence": 10, "max_drop": 1}},
  "cost": {"usd_per_hour": 1, "price_source": "a test", "price_date": "2026-01-01"},
  "space": {"weights": ["all=f32", "linear=bf16,output=f32", "linear=int8,output=f32", "all=int8", "attention=bf16,mlp=int8,output=int8"], "max_batch_size": [1, 8], "kv_page_tokens": [32], "prefill_chunk": [64, 512]},
  "budget": {"minutes": 30, "trials": 8},
  "num_requests": 6, "warmup_requests": 1
})";

class TunerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("paretune-tuner-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Workload workload(int trials = 8) {
    Workload w = parse_workload(kSmall, std::filesystem::current_path() / "small.json");
    w.budget.trials = trials;
    return w;
  }
  // calibration_seconds: 0 where a test has no use for a cost model.
  Study run(const Workload& w, const std::string& store = "a", double calibration_seconds = 0) {
    SteadyClock clock;
    Store file(folder_ / (store + ".sqlite"));
    Profiler profiler(w, file, clock, "test build", stop_);
    return tune(w, {.kernel_seconds = 0.5, .calibration_seconds = calibration_seconds}, profiler,
                clock, stop_, observer_);
  }

  std::filesystem::path folder_;
  std::atomic<bool> stop_{false};
  Silent observer_;
};

std::set<int> ids_of(const std::vector<int>& ids) { return {ids.begin(), ids.end()}; }

// Speeds are noise: who is on the front differs from run to run, what it means does not.
std::set<int> not_dominated(const Study& study) {
  std::set<int> ids;
  for (const Trial& trial : study.trials) {
    const bool dominated = std::ranges::any_of(study.trials, [&](const Trial& other) {
      return dominates(raw_scores(other.objectives), raw_scores(trial.objectives));
    });
    if (!dominated) ids.insert(trial.id);
  }
  return ids;
}

std::vector<DeployConfig> configs(const Study& study) {
  std::vector<DeployConfig> all;
  for (const Trial& trial : study.trials) all.push_back(trial.config);
  return all;
}

TEST_F(TunerTest, FindsAFrontAndVerifiesItsPick) {
  const Study study = run(workload());
  // Each of the front and the default were measured again, and what the search saw is kept.
  EXPECT_TRUE(study.trials[0].searched);
  for (const int id : study.front) {
    const Trial& trial = study.trials[static_cast<std::size_t>(id)];
    ASSERT_TRUE(trial.searched) << id;
    EXPECT_NE(trial.searched->usd_per_million_output_tokens,
              trial.objectives.usd_per_million_output_tokens);
    EXPECT_EQ(trial.searched->kl_divergence, trial.objectives.kl_divergence);
  }
  ASSERT_EQ(study.trials.size(), 8u);
  EXPECT_TRUE(study.feasible);
  EXPECT_EQ(ids_of(study.front), not_dominated(study));
  EXPECT_TRUE(study.verification.done) << study.verification.verdict;
  EXPECT_NE(study.find_pick("recommended"), nullptr);
  for (const Trial& trial : study.trials) {
    ASSERT_EQ(trial.measurement.outcome, Outcome::ok) << trial.measurement.detail;
    EXPECT_GT(trial.measurement.speed.at_max_rate.output_tokens_per_s, 0);
    EXPECT_GT(trial.measurement.speed.peak_memory_bytes, 1u << 20);
    EXPECT_GT(trial.measurement.quality.tokens, 100);
  }
  for (const Trial& trial : study.trials) {
    const DeployConfig& config = trial.config;
    const bool full = to_text(config.weights) == "all=f32" && config.activations.name == "f32" &&
                      (config.kv_cache == &kKvF32 || config.kv_cache == &kKvBf16);
    if (full) {
      EXPECT_LT(trial.objectives.kl_divergence, 1e-6) << trial.id;
    }
  }
}

TEST_F(TunerTest, RunAgainItMeasuresNothingAndDecidesTheSame) {
  const Study first = run(workload(5));
  const int measured = observer_.measured;
  const Study second = run(workload(5));
  EXPECT_EQ(observer_.measured, measured);
  EXPECT_EQ(second.resumed_trials, 5);
  EXPECT_EQ(configs(second), configs(first));
  EXPECT_EQ(second.front, first.front);
  EXPECT_EQ(second.find_pick("recommended")->id, first.find_pick("recommended")->id);
  EXPECT_EQ(second.verification.verdict, first.verification.verdict);
}

TEST_F(TunerTest, KilledAndRunAgainItGoesOnWhereItWas) {
  const pid_t child = fork();
  if (child == 0) {  // dies after its third trial, without a word
    struct Killer : Silent {
      void trial_ended(const Study&, const Trial& trial, bool) override {
        if (trial.id == 2) kill(getpid(), SIGKILL);
      }
    } killer;
    const Workload w = workload(6);
    SteadyClock clock;
    Store store(folder_ / "a.sqlite");
    Profiler profiler(w, store, clock, "test build", stop_);
    tune(w, {.kernel_seconds = 0.5, .calibration_seconds = 0}, profiler, clock, stop_, killer);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const Study study = run(workload(6));
  EXPECT_EQ(study.resumed_trials, 3);
  EXPECT_EQ(observer_.measured, 3);
  EXPECT_EQ(study.trials.size(), 6u);
}

TEST_F(TunerTest, PredictsItsTrialsByACostModelThatIsCalibratedOnce) {
  constexpr double kPlenty = 15;  // seconds: enough runs of it on a busy machine too
  const Study first = run(workload(6), "a", kPlenty);
  EXPECT_EQ(observer_.said("calibrating"), 1);
  EXPECT_EQ(first.cost_model.find("calibrated on "), 0u) << first.cost_model;
  for (const Trial& trial : first.trials) {
    ASSERT_TRUE(trial.predicted) << trial.id;
    EXPECT_GT(trial.predicted->objectives.usd_per_million_output_tokens, 0);
    EXPECT_GT(trial.predicted->objectives.latency_ms, 0);
    EXPECT_GT(trial.predicted->max_rate, 0);
  }
  const Study second = run(workload(6), "a", kPlenty);
  EXPECT_EQ(observer_.said("calibrating"), 1);
  EXPECT_EQ(second.cost_model, first.cost_model);
  EXPECT_EQ(configs(second), configs(first));
  ASSERT_EQ(second.resumed_trials, static_cast<int>(first.trials.size()));
  for (std::size_t i = 0; i < first.trials.size(); ++i)
    EXPECT_EQ(second.trials[i].predicted->objectives.latency_ms,
              first.trials[i].predicted->objectives.latency_ms);
}

// The gate cannot prove so narrow a margin on so few questions.
TEST_F(TunerTest, WhatDoesNotPassTheGateIsNotRecommended) {
  Workload w = workload(3);
  w.quality.floors.max_drop = 1e-4;
  const Study study = run(w);
  ASSERT_FALSE(study.gates.empty());
  for (const GateTrial& gate : study.gates)
    EXPECT_NE(gate.result.verdict, GateVerdict::passed) << gate.trial;
  ASSERT_NE(study.find_pick("recommended"), nullptr) << study.verification.verdict;
  EXPECT_EQ(study.find_pick("recommended")->id, 0);
  EXPECT_EQ(study.verification.trial, 0) << study.verification.verdict;
}

TEST_F(TunerTest, WithoutACostModelItWarnsAndGoesOn) {
  const Study study = run(workload(3), "a", 1e-9);
  EXPECT_EQ(observer_.said("could not be calibrated"), 1);
  EXPECT_EQ(study.trials.size(), 3u);
  EXPECT_NE(study.cost_model.find("not calibrated"), std::string::npos) << study.cost_model;
  for (const Trial& trial : study.trials) EXPECT_FALSE(trial.predicted);
  // Decided for good: with time enough, the same study would go another way.
  run(workload(3), "a", 6);
  EXPECT_EQ(observer_.said("calibrating"), 1);
  EXPECT_EQ(observer_.said("could not be calibrated"), 2);
}

TEST_F(TunerTest, StoppedBeforeItBeginsItStillAnswers) {
  stop_ = true;
  const Study study = run(workload());
  EXPECT_TRUE(study.trials.empty());
  EXPECT_EQ(study.stop_reason, "interrupted");
}

TEST_F(TunerTest, ImpossibleLimitsAreExplained) {
  Workload w = workload(2);
  w.slo.bounds[0].max_ms = 1e-6;
  const Study study = run(w);
  EXPECT_FALSE(study.feasible);
  EXPECT_EQ(study.find_pick("recommended"), nullptr);
  EXPECT_NE(study.find_pick("nearest"), nullptr);
  EXPECT_NE(study.binding_constraint.find("e2e_latency_ms"), std::string::npos)
      << study.binding_constraint;
}

}  // namespace
}  // namespace paretune
