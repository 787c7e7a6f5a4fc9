#include "optimizer/judge.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

Trial trial(int id, double cost, double latency, double kl) {
  Trial t{.id = id};
  Speed& s = t.measurement.speed;
  s.usd_per_million_output_tokens = cost;
  s.max_rate = 10;
  s.at_workload.latency.ttft_ms.samples = 100;
  for (auto& p : s.at_workload.latency.ttft_ms.percentiles) p = {latency, latency, latency};
  t.measurement.quality.kl_divergence = kl;
  t.measurement.quality.capabilities = {
      {.name = "sort", .items = 50, .accuracy = .9, .reference_accuracy = .9}};
  t.measurement.seconds = 1;
  return t;
}

Study study(std::vector<Trial> trials, double ttft_limit = 100) {
  Study s;
  s.workload.slo.bounds = {{&kTtft, kPercentiles[2], ttft_limit}};
  s.workload.objective = {&kTtft, kPercentiles[2]};
  s.latency_objective = "ttft_ms p95";
  for (Trial& t : trials) {
    if (t.objectives.latency_ms == 0 && t.measurement.outcome == Outcome::ok) {
      t.measurement.speed.at_workload.meets_slo =
          t.measurement.speed.at_workload.latency.ttft_ms.percentiles[2].value <= ttft_limit;
      if (!t.measurement.speed.at_workload.meets_slo)
        t.measurement.speed.at_workload.missed = "ttft_ms p95: 200 > 100";
    }
    judge_trial(t, s.workload);
    s.trials.push_back(t);
  }
  conclude(s);
  return s;
}

TEST(JudgeTest, FrontPicksAndDominance) {
  const Study s = study({trial(0, 4, 40, .001), trial(1, 2, 50, .004), trial(2, 3, 20, .01),
                         trial(3, 4, 45, .002), trial(4, 5, 60, 0)});
  EXPECT_TRUE(s.feasible);
  EXPECT_EQ(s.front, (std::vector<int>{1, 2, 0, 4}));  // 3 is dominated by 0
  EXPECT_EQ(s.find_pick("recommended")->id, 1);
  EXPECT_EQ(s.find_pick("cheapest")->id, 1);
  EXPECT_EQ(s.find_pick("fastest")->id, 2);
  EXPECT_EQ(s.find_pick("best_quality")->id, 4);
  EXPECT_EQ(s.find_pick("default")->id, 0);
  EXPECT_EQ(s.find_pick("nonsense"), nullptr);
  ASSERT_EQ(s.progress.size(), 5u);
  for (std::size_t i = 1; i < 5; ++i)
    EXPECT_GE(s.progress[i].hypervolume, s.progress[i - 1].hypervolume);
  EXPECT_EQ(s.progress.back().seconds, 5);
}

TEST(JudgeTest, PicksPassTheGate) {
  Study s = study(
      {trial(0, 4, 40, .001), trial(1, 2, 50, .004), trial(2, 3, 20, .01), trial(3, 5, 60, 0)});
  const auto pick = [&](const char* name) {
    const Trial* const trial = s.find_pick(name);
    return trial ? trial->id : -1;
  };
  const auto gated = [&](std::vector<GateTrial> gates) {
    s.gates = std::move(gates);
    s.picks = make_picks(s);
  };
  const GateResult failed{.verdict = GateVerdict::failed},
      undecided{.verdict = GateVerdict::undecided}, passed{.verdict = GateVerdict::passed};
  gated({{1, failed}, {2, undecided}});
  EXPECT_EQ(pick("cheapest"), 2) << "shown, not recommended";
  EXPECT_EQ(pick("recommended"), 0);
  gated({{1, failed}, {2, passed}});
  EXPECT_EQ(pick("recommended"), 2);
  gated({{1, undecided}, {2, failed}, {3, failed}, {0, failed}});
  EXPECT_EQ(pick("recommended"), -1) << "not even the default";
  EXPECT_EQ(pick("fastest"), 1);
  EXPECT_EQ(pick("best_quality"), 1);

  s.trials[0].feasible = false;
  gated({{1, failed}, {2, undecided}, {3, failed}});
  EXPECT_EQ(pick("recommended"), -1);

  s.verification = {.done = true, .trial = 3, .meets_slo = true, .not_worse_than_default = true};
  gated({{3, passed}});
  EXPECT_EQ(pick("recommended"), 3);
  s.verification.meets_slo = false;
  s.picks = make_picks(s);
  EXPECT_EQ(pick("recommended"), -1) << "what was launched last did not hold";
  EXPECT_EQ(pick("cheapest"), 1);
}

TEST(JudgeTest, FloorsKeepBrokenConfigsOut) {
  Trial broken = trial(1, 1, 10, .001);
  broken.measurement.quality.capabilities[0].accuracy = .8;
  broken.measurement.quality.capabilities[0].drop = .1;
  broken.measurement.quality.capabilities[0].drop_standard_error = .04;
  Trial lossy = trial(2, 1, 10, .5);
  const Study s = study({trial(0, 4, 40, .001), broken, lossy});
  EXPECT_EQ(s.front, (std::vector<int>{0}));
  ASSERT_EQ(s.trials[1].violations.size(), 1u);
  EXPECT_NE(s.trials[1].violations[0].find("sort"), std::string::npos);
  EXPECT_NE(s.trials[2].violations[0].find("KL"), std::string::npos);
}

TEST(JudgeTest, FloorsThatAreNotSetHaveDefaults) {
  const auto floors = [](const QualityFloors& set) {
    return floors_of(Workload{.quality = {.floors = set}});
  };
  EXPECT_EQ(floors({}).max_kl_divergence, kDefaultMaxKl);
  EXPECT_EQ(floors({}).max_drop, kDefaultMaxDrop);
  EXPECT_EQ(floors({.max_kl_divergence = 0.1}).max_drop, kDefaultMaxDrop);
  EXPECT_EQ(floors({.max_kl_divergence = 0.1}).max_kl_divergence, 0.1);
  EXPECT_EQ(floors({.max_perplexity_ratio = 1.1}).max_kl_divergence, kDefaultMaxKl);
  EXPECT_EQ(floors({.max_drop = 0.1}).max_kl_divergence, kDefaultMaxKl);
  EXPECT_EQ(floors({.capabilities = {{"sort", {.max_drop = 0.1}}}}).max_drop, kDefaultMaxDrop);
  EXPECT_EQ(floors({.min_accuracy = 0.5}).max_drop, kDefaultMaxDrop);
}

TEST(JudgeTest, ExplainsInfeasibility) {
  const Study s = study({trial(0, 4, 250, .001), trial(1, 2, 200, .001)});
  EXPECT_FALSE(s.feasible);
  EXPECT_EQ(s.front.size(), 1u);
  EXPECT_EQ(s.find_pick("recommended"), nullptr);
  ASSERT_NE(s.find_pick("nearest"), nullptr);
  EXPECT_NE(s.binding_constraint.find("ttft_ms p95"), std::string::npos) << s.binding_constraint;
}

TEST(JudgeTest, FailuresStayAndTeach) {
  Trial failed{.id = 1};
  failed.measurement.outcome = Outcome::out_of_memory;
  const Study s = study({trial(0, 4, 40, .001), failed});
  EXPECT_EQ(s.front, (std::vector<int>{0}));
  EXPECT_FALSE(search_scores(s.trials[1]));
  Trial slow = trial(2, .1, 500, 0);
  slow.measurement.speed.at_workload.missed = "ttft_ms p95: 500 > 100";
  slow.measurement.speed.at_workload.meets_slo = false;
  judge_trial(slow, s.workload);
  // A miss is worse in every score than what meets the limits, however cheap.
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_GT(search_scores(slow)->raised()[i], search_scores(s.trials[0])->raised()[i]);
}

TEST(JudgeTest, NothingRan) {
  Trial failed{.id = 0};
  failed.measurement.outcome = Outcome::crashed;
  const Study s = study({failed});
  EXPECT_FALSE(s.feasible);
  EXPECT_TRUE(s.front.empty());
  EXPECT_TRUE(s.picks.empty());
}

}  // namespace
}  // namespace paretune
