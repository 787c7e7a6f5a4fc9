#include "optimizer/constrained_pick.h"

#include <gtest/gtest.h>

#include "optimizer/judge.h"

namespace paretune {
namespace {

Trial trial(int id, double cost, double ttft, double kl) {
  Trial t{.id = id};
  Speed& s = t.measurement.speed;
  s.usd_per_million_output_tokens = cost;
  s.max_rate = 10;
  s.at_workload.latency.ttft_ms.samples = 100;
  for (auto& p : s.at_workload.latency.ttft_ms.percentiles) p = {ttft, 0.9 * ttft, 1.1 * ttft};
  s.at_max_rate = s.at_workload;
  t.measurement.quality.kl_divergence = kl;
  return t;
}

// Cheaper is slower and loses more; trial 3 loses too much, trial 4 did not run.
Study study() {
  Study s{.id = "s", .latency_objective = "ttft_ms p95"};
  s.workload.objective = {&kTtft, kPercentiles[2]};
  s.workload.cost.usd_per_hour = 3.6;
  s.trials = {trial(0, 4, 100, 0), trial(1, 2, 200, 0.001), trial(2, 1, 400, 0.01),
              trial(3, 0.5, 50, 0.5), trial(4, 0, 0, 0)};
  s.trials[4].measurement.outcome = Outcome::crashed;
  for (Trial& t : s.trials) judge_trial(t, s.workload);
  conclude(s);
  return s;
}

std::vector<Requirement> at_most(std::initializer_list<const char*> texts) {
  std::vector<Requirement> out;
  for (const char* text : texts) out.push_back(parse_requirement(text, Side::at_most));
  return out;
}

const Preference& kCost = find_preference("cost");

TEST(ConstrainedPick, IsTheBestOfThoseThatHoldAll) {
  const Study s = study();
  EXPECT_EQ(pick_by(s, {}, kCost, true).trial, 2);
  EXPECT_EQ(pick_by(s, {}, kCost, false).trial, 3);
  EXPECT_EQ(pick_by(s, at_most({"ttft:p95<300ms"}), kCost, true).trial, 1);
  EXPECT_EQ(pick_by(s, at_most({"ttft:p95<300ms", "kl<0.0005"}), kCost, true).trial, 0);
  EXPECT_EQ(pick_by(s, at_most({"cost<3"}), find_preference("quality"), true).trial, 1);
  EXPECT_EQ(pick_by(s, {}, find_preference("latency"), true).trial, 0);
}

TEST(ConstrainedPick, SaysWhatEachRequirementCosts) {
  const Study s = study();
  const auto requirements = at_most({"ttft:p95<300ms", "kl<0.1"});
  const ConstrainedPick pick = pick_by(s, requirements, kCost, true);
  ASSERT_EQ(pick.without.size(), 3u);
  EXPECT_EQ(pick.without[0].best, 2);
  EXPECT_EQ(pick.without[1].best, 1) << "costs nothing";
  EXPECT_EQ(pick.without[2].what, "the workload's own limits");
  EXPECT_EQ(pick.without[2].best, 1);
  const std::string text = pick_text(s, requirements, kCost, pick);
  EXPECT_NE(text.find("pick: trial 1, $2/M tokens, ttft_ms p95 200 ms, KL 0.001"), text.npos)
      << text;
  EXPECT_NE(text.find("holds   ttft:p95<300ms: 200 ms"), text.npos) << text;
  EXPECT_NE(text.find("ttft:p95<300ms: 1 (2 instead of 1, trial 2)"), text.npos) << text;
  EXPECT_NE(text.find("kl<0.1: nothing"), text.npos) << text;
}

TEST(ConstrainedPick, WhereNoneFitsTheNearestIsNamedWithWhatBinds) {
  const Study s = study();
  const auto requirements = at_most({"ttft:p95<90ms", "cost<3"});
  const ConstrainedPick pick = pick_by(s, requirements, kCost, true);
  EXPECT_FALSE(pick.trial);
  EXPECT_EQ(pick.nearest, 0) << "1.1 x 1.3 over, trial 1 is 2.2 over";
  EXPECT_EQ(pick.binding, "cost<3, it has 4 $/M");
  const std::string text = pick_text(s, requirements, kCost, pick);
  EXPECT_NE(text.find("none of the measured trials fits; the nearest: trial 0"), text.npos) << text;
  EXPECT_NE(text.find("misses  ttft:p95<90ms: 100 ms"), text.npos) << text;
  EXPECT_NE(text.find("without ttft:p95<90ms: trial 2"), text.npos) << text;

  Study none = s;
  for (Trial& t : none.trials) t.measurement.outcome = Outcome::crashed;
  EXPECT_EQ(pick_text(none, {}, kCost, pick_by(none, {}, kCost, false)),
            "no trial of this study ran\n");
}

TEST(ConstrainedPick, SaysWhatTheNumbersDoNotCarry) {
  Study s = study();
  Speed& speed = s.trials[1].measurement.speed;
  speed.at_max_rate.request_rate = 10;
  speed.at_max_rate.latency.ttft_ms.percentiles[2] = {290, 280, 300};
  LoadRun slower = speed.at_workload;
  slower.request_rate = 6;
  slower.output_tokens_per_s = 250;
  speed.rate_search = {slower};
  const auto requirements = at_most({"ttft:p95<210ms", "ttft:p99.9<500"});
  const std::string text = pick_text(s, requirements, kCost, pick_by(s, requirements, kCost, true));
  EXPECT_NE(text.find("its 95 % interval reaches 220 ms"), text.npos) << text;
  EXPECT_NE(text.find("at the rate that its cost was read at (10 requests/s) it is 290 ms; it "
                      "holds up to 6 requests/s, at $4/M tokens"),
            text.npos)
      << text;
  EXPECT_NE(text.find("of 100 samples; so high a percentile needs 2995"), text.npos) << text;
}

TEST(ConstrainedPick, RecommendingForgetsTheVerificationOfAnother) {
  Study s = study();
  s.verification.done = true;
  s.verification.trial = 2;
  const auto requirements = at_most({"ttft:p95<300ms"});
  const Study chosen = recommending(s, 1, requirements, kCost);
  EXPECT_EQ(chosen.picks.front().name, "recommended");
  EXPECT_EQ(chosen.find_pick("recommended")->id, 1);
  EXPECT_EQ(chosen.picks.front().reason, "the best by cost with ttft:p95<300ms");
  EXPECT_FALSE(chosen.verification.done);
  EXPECT_TRUE(recommending(s, 2, {}, kCost).verification.done) << "the one that was verified";
  EXPECT_THROW(find_preference("luck"), std::runtime_error);
}

TEST(ConstrainedPick, TakesNothingThatTheGateRefusedButByName) {
  Study s = study();
  const auto requirements = at_most({"ttft:p95<300ms"});
  const int best = *pick_by(s, requirements, kCost, true).trial;
  const int any = *pick_by(s, requirements, kCost, false).trial;
  for (const int id : {best, any}) s.gates.push_back({id, {.verdict = GateVerdict::failed}});
  EXPECT_NE(*pick_by(s, requirements, kCost, true).trial, best);
  EXPECT_EQ(*pick_by(s, requirements, kCost, false).trial, any);
}

}  // namespace
}  // namespace paretune
