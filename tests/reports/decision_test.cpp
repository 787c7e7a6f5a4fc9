#include "reports/decision.h"

#include <gtest/gtest.h>

#include "reports/facts.h"
#include "reports/report.h"
#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

std::string all_text(const Decision& decision) {
  std::string out = decision.headline;
  for (const std::string& sentence : decision.sentences) out += "\n" + sentence;
  for (const KeyNumber& number : decision.numbers)
    out += "\n" + number.title + " " + number.value + " " + number.note;
  return out;
}

TEST(Comparison, SaysHowManyTimesAndHowManyPercent) {
  EXPECT_EQ(comparison(0.5, 1, "cheaper", "dearer"), "2.0× cheaper (-50 %)");
  EXPECT_EQ(comparison(3, 2, "faster", "slower"), "1.5× slower (+50 %)");
  EXPECT_EQ(comparison(1.01, 1, "faster", "slower"), "about the same (+1 %)");
  EXPECT_EQ(comparison(1, 0, "faster", "slower"), "1 against 0");
}

TEST(Decision, ComparesTheRecommendedWithTheDefault) {
  const Decision decision = decide(sample_study());
  EXPECT_EQ(decision.mood, Mood::good);
  EXPECT_EQ(decision.command, "serve deploy.json");
  EXPECT_NE(all_text(decision).find("Cost $0.42 per million output tokens; 3.0× cheaper (-66 %)"),
            std::string::npos);
  EXPECT_NE(all_text(decision).find("Limits, all met: TTFT p95 ≤ 300 ms;"), std::string::npos);
}

TEST(Decision, PairsSayMoreThanSeparateRuns) {
  Study study = sample_study();
  study.verification.cost_ratio = {0.5, 0.45, 0.55};
  const Decision decision = decide(study);
  EXPECT_NE(decision.headline.find(": cost 2.0× cheaper (-50 %)"), std::string::npos)
      << decision.headline;
  EXPECT_NE(all_text(decision).find("2.0× cheaper (-50 %) than the default measured beside it, "
                                    "90 % interval -55 % to -45 %"),
            std::string::npos)
      << all_text(decision);
  EXPECT_NE(all_text(decision).find("149 ms when verified"), std::string::npos)
      << all_text(decision);
}

TEST(Decision, KeepsTheDefaultWhereNothingIsBetter) {
  const Decision decision = decide(one_trial_study());
  EXPECT_TRUE(decision.headline.starts_with("Keep the default config")) << decision.headline;
  EXPECT_NE(all_text(decision).find("Not verified"), std::string::npos);
}

TEST(Decision, WhereNothingPassedTheGateNothingIsToBeDeployed) {
  Study study = sample_study();
  study.picks.erase(study.picks.begin());
  study.verification = {.verdict = "config 4 is not let through: not proven"};
  const Decision decision = decide(study);
  EXPECT_EQ(decision.mood, Mood::bad);
  EXPECT_NE(decision.headline.find("Nothing to deploy"), std::string::npos);
  EXPECT_NE(all_text(decision).find("not let through: not proven"), std::string::npos);
  EXPECT_EQ(deploy_json(study), "");
}

TEST(Decision, AFailedVerificationIsNotGood) {
  Study study = sample_study();
  study.verification.meets_slo = false;
  EXPECT_EQ(decide(study).mood, Mood::bad);
  EXPECT_NE(all_text(decide(study)).find("not passed"), std::string::npos);
}

TEST(Decision, NamesTheNearestAndWhatBindsWhereNothingIsFeasible) {
  const Decision decision = decide(infeasible_study());
  EXPECT_EQ(decision.mood, Mood::bad);
  EXPECT_EQ(decision.command, "");
  EXPECT_NE(all_text(decision).find("Nearest: trial"), std::string::npos);
  EXPECT_NE(all_text(decision).find("What binds: TTFT p95 of at most 50 ms"), std::string::npos);
}

TEST(Decision, WithoutADefaultThatRanThereIsNoComparison) {
  Study study = sample_study();
  study.trials[0].measurement.outcome = Outcome::crashed;
  EXPECT_NE(decide(study).headline.find("nothing to compare"), std::string::npos);
}

TEST(Decision, TellsWhenADifferenceMayBeNoise) {
  Study study = sample_study();
  study.trials[2].measurement.speed.at_workload.latency.ttft_ms.percentiles[2].high = 210;
  EXPECT_NE(all_text(decide(study)).find("may be noise"), std::string::npos);
}

TEST(CostFormula, GivesTheCostAgain) {
  const Study study = sample_study();
  EXPECT_EQ(cost_formula(study, study.trials[2]),
            "usd_per_hour / 3600 / output_tokens_per_s × 1,000,000 = 0.36 / 3600 / 238.095 × "
            "1,000,000 = 0.42");
}

}  // namespace
}  // namespace paretune
