#include "optimizer/study_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "optimizer/judge.h"
#include "tests/optimizer/kept_study.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

StudyRecord round_trip(const Study& study, const RunOptions& options = {}) {
  return parse_study(study_json(study, options), trial_texts(study), "store");
}

std::string message_of(const std::string& text, const std::vector<std::string>& trials) {
  return refusal([&] { parse_study(text, trials, "store"); });
}

// What is written of what was read is what was read, for all that is kept.
TEST(StudyJson, RoundTripIsExact) {
  for (const auto& [name, study] : kept_studies()) {
    SCOPED_TRACE(name);
    const RunOptions options{.workload_file = "/w/chat.json",
                             .workload_text = "{ }\n",
                             .out = "/out",
                             .kernel_seconds = 0.1};
    const StudyRecord back = round_trip(study, options);
    EXPECT_EQ(study_json(back.study, back.options), study_json(study, options));
    EXPECT_EQ(trial_texts(back.study), trial_texts(study));
    EXPECT_EQ(back.options, options);
    EXPECT_EQ(back.study.workload, study.workload);
    EXPECT_EQ(back.study.model, study.model);
    EXPECT_EQ(back.study.latency_objective, study.latency_objective);
  }
  EXPECT_FALSE(round_trip(kept_study()).options.kernel_seconds);
}

// Nothing of what follows from the measurements is kept, and all of it is there again.
TEST(StudyJson, WhatFollowsIsJudgedAnew) {
  const Study study = kept_study();
  const nlohmann::json kept = nlohmann::json::parse(study_json(study, {}))["study"];
  for (const char* key : {"front", "picks", "feasible", "progress", "ties", "prices", "effects"})
    EXPECT_FALSE(kept.contains(key)) << key;
  EXPECT_FALSE(
      nlohmann::json::parse(trial_json(study.trials[0], study.workload)).contains("objectives"));

  const Study back = round_trip(study).study;
  EXPECT_EQ(back.front, study.front);
  EXPECT_EQ(back.feasible, study.feasible);
  EXPECT_EQ(back.ties, study.ties);
  ASSERT_EQ(back.picks.size(), study.picks.size());
  for (std::size_t i = 0; i < study.picks.size(); ++i) {
    EXPECT_EQ(back.picks[i].name, study.picks[i].name);
    EXPECT_EQ(back.picks[i].trial, study.picks[i].trial);
    EXPECT_EQ(back.picks[i].reason, study.picks[i].reason);
  }
  for (std::size_t i = 0; i < study.trials.size(); ++i) {
    EXPECT_EQ(back.trials[i].objectives, study.trials[i].objectives);
    EXPECT_EQ(back.trials[i].violations, study.trials[i].violations);
    EXPECT_EQ(back.trials[i].on_front, study.trials[i].on_front);
    EXPECT_EQ(back.trials[i].feasible, study.trials[i].feasible);
    EXPECT_EQ(back.trials[i].searched, study.trials[i].searched);
  }
}

// Verification may settle on another config than the cheapest.
TEST(StudyJson, RecommendedIsTheOneThatWasVerified) {
  Study study = kept_study();
  ASSERT_NE(study.front.back(), study.front.front());
  study.verification = {
      .done = true, .trial = study.front.back(), .meets_slo = true, .not_worse_than_default = true};
  EXPECT_EQ(round_trip(study).study.find_pick("recommended")->id, study.front.back());
}

// A study of an older build is still shown.
TEST(StudyJson, WhatWasAddedLaterMayBeMissing) {
  const Study study = kept_study();
  nlohmann::json older = nlohmann::json::parse(study_json(study, {}));
  older["study"].erase("layer_losses");
  older["study"].erase("ladder");
  const StudyRecord back = parse_study(older.dump(), trial_texts(study), "store");
  EXPECT_TRUE(back.study.layer_losses.empty());
  EXPECT_TRUE(back.study.ladder.empty());
  EXPECT_EQ(back.study.front, study.front);
}

TEST(StudyJson, AnotherShapeIsRefusedWithPlaceAndBuild) {
  const Study study = kept_study();
  const std::vector<std::string> trials = trial_texts(study);
  const nlohmann::json good = nlohmann::json::parse(study_json(study, {}));
  nlohmann::json bad = good;
  bad["study"]["unheard_of"] = 1;
  EXPECT_NE(message_of(bad.dump(), trials).find("store (kept by paretune test build): $.study"),
            std::string::npos)
      << message_of(bad.dump(), trials);
  bad = good;
  bad["study"].erase("gates");
  EXPECT_NE(message_of(bad.dump(), trials).find("the key gates"), std::string::npos);
  bad = good;
  bad["study"]["gates"][0]["result"]["verdict"] = "maybe";
  EXPECT_NE(message_of(bad.dump(), trials)
                .find("$.study.gates[0].result.verdict: found \"maybe\", allowed: passed"),
            std::string::npos)
      << message_of(bad.dump(), trials);
  bad = good;
  bad["study"]["verification"]["trial"] = 1000;
  EXPECT_NE(message_of(bad.dump(), trials).find("$.study.verification.trial: found 1000"),
            std::string::npos);
  bad = good;
  bad["study"]["gates"][0]["trial"] = 1000;
  EXPECT_NE(message_of(bad.dump(), trials).find("$.study.gates[0].trial: found 1000"),
            std::string::npos);
  EXPECT_NE(message_of("{", trials).find("store: not JSON"), std::string::npos);
  std::vector<std::string> swapped = trials;
  std::swap(swapped[0], swapped[1]);
  EXPECT_NE(message_of(good.dump(), swapped).find("trial 0: found the id 1"), std::string::npos);
}

}  // namespace
}  // namespace paretune
