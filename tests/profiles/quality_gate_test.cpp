#include "profiles/quality_gate.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "profiles/quality.h"
#include "profiles/statistics.h"
#include "runtime/engine/loaded_model.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

Capability capability(const char* name, int items, int broken, int mended) {
  std::vector<double> drops(static_cast<std::size_t>(items));
  for (int i = 0; i < broken; ++i) drops[static_cast<std::size_t>(i)] = 1;
  for (int i = 0; i < mended; ++i) drops[static_cast<std::size_t>(broken + i)] = -1;
  const Mean drop = paired_drop(drops);
  return {.name = name,
          .items = items,
          .broken = broken,
          .mended = mended,
          .drop = drop.value,
          .drop_standard_error = drop.standard_error};
}

TEST(QualityGate, FewQuestionsProveNothing) {
  EXPECT_EQ(gate_verdict(capability("a", 12, 0, 0), 0.01, 2), GateVerdict::undecided);
  EXPECT_EQ(gate_verdict(capability("a", 400, 0, 0), 0.01, 2), GateVerdict::passed);
  EXPECT_EQ(gate_verdict(capability("a", 400, 0, 0), 0.01, 0), GateVerdict::undecided);
  EXPECT_EQ(gate_verdict(capability("a", 0, 0, 0), 0.9, 3), GateVerdict::undecided);
  EXPECT_EQ(gate_verdict(capability("a", 50, 20, 0), 0.01, 0), GateVerdict::failed);
  EXPECT_EQ(gate_verdict(capability("a", 50, 2, 1), 0.01, 2), GateVerdict::undecided);
  EXPECT_EQ(gate_verdict(capability("a", 100, 0, 0), 0.05, 2), GateVerdict::passed);
}

TEST(QualityGate, TheLikelihoodProvesSooner) {
  Capability rated = capability("a", 50, 0, 0);
  EXPECT_EQ(gate_verdict(rated, 0.01, 0), GateVerdict::undecided);
  rated.rated = 50;
  rated.likelihood_drop = 0.002;
  rated.likelihood_drop_standard_error = 0.003;
  EXPECT_EQ(gate_verdict(rated, 0.01, 0), GateVerdict::passed);
  rated.likelihood_drop = 0.004;
  EXPECT_EQ(gate_verdict(rated, 0.01, 0), GateVerdict::undecided);
  // What flips is refused, whatever the likelihood says.
  Capability flips = capability("a", 50, 20, 0);
  flips.rated = 50;
  EXPECT_EQ(gate_verdict(flips, 0.01, 0), GateVerdict::failed);
}

// As many questions are asked as prove the margin where no answer changes.
TEST(QualityGate, LooksFollowTheMargin) {
  for (const double margin : {0.01, 0.03, 0.05, 0.2}) {
    const int enough = gate_questions(margin, 2);
    EXPECT_EQ(gate_verdict(capability("a", enough, 0, 0), margin, 2), GateVerdict::passed);
    EXPECT_EQ(gate_verdict(capability("a", enough - 3, 0, 0), margin, 2), GateVerdict::undecided);
    EXPECT_LE(gate_questions(margin, 0), 50);
    EXPECT_LE(gate_questions(margin, 1), 150);
    EXPECT_EQ(gate_questions(margin, 3), 2 * enough);
  }
  EXPECT_EQ(gate_questions(0, 3), kMostGateQuestions);
}

TEST(QualityGate, OneFailureFailsAndIsNamed) {
  const GateMargins margins{.every = 0.05, .named = {{"rough", 0.9}}};
  const GateResult result = judge_gate({{capability("copy", 100, 0, 0)},
                                        {capability("sort", 100, 40, 1)},
                                        {capability("rough", 100, 50, 0)}},
                                       margins);
  EXPECT_EQ(result.verdict, GateVerdict::failed);
  EXPECT_EQ(result.reason.find("sort loses"), 0u) << result.reason;
  EXPECT_EQ(judge_gate({{capability("rough", 100, 50, 0)}}, margins).verdict, GateVerdict::passed);
  EXPECT_EQ(judge_gate({{capability("copy", 10, 9, 0)}}, {}).verdict, GateVerdict::passed);
  const GateResult open = judge_gate({{capability("copy", 20, 1, 0)}}, margins);
  EXPECT_EQ(open.verdict, GateVerdict::undecided);
  EXPECT_NE(open.reason.find("(68 where no answer changes)"), std::string::npos) << open.reason;
}

// What the sample's mean keeps, its upper end may not.
TEST(QualityGate, TheTextsLossIsHeldToItsUpperEnd) {
  const auto unproven = [](double kl, double standard_error) {
    return unproven_text(
        {.kl_divergence = kl, .kl_standard_error = standard_error, .documents = 1000}, 0.02);
  };
  EXPECT_FALSE(unproven(0.018, 0.001));
  ASSERT_TRUE(unproven(0.018, 0.002));
  EXPECT_NE(unproven(0.018, 0.002)->find("up to 0.021, allowed: 0.02"), std::string::npos);
  // Of few documents less is known, of one nothing.
  EXPECT_TRUE(
      unproven_text({.kl_divergence = 0.018, .kl_standard_error = 0.001, .documents = 3}, 0.02));
  EXPECT_TRUE(
      unproven_text({.kl_divergence = 0.001, .kl_standard_error = INFINITY, .documents = 1}, 0.02));
}

// A config exactly at the margin must not pass more often than one time in twenty, however often
// one looks.
TEST(QualityGate, AtTheMarginItPassesRarely) {
  std::mt19937_64 rng(7);
  const auto uniform = [&] { return static_cast<double>(rng() >> 11) * 0x1p-53; };
  int passed = 0;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    int items = 0, broken = 0, mended = 0;
    std::vector<double> likelihood_drops;
    for (int look = 0; look < kGateLooks; ++look) {
      for (; items < gate_questions(0.05, look); ++items) {
        const double u = uniform();
        broken += u < 0.08;
        mended += u > 0.97;  // 0.08 - 0.03 = the margin
        // Mostly small changes, rarely large ones: 0.05 on average.
        likelihood_drops.push_back(u < 0.1 ? 0.9 * uniform() : 0.02 * uniform() - 0.004444);
      }
      Capability now = capability("a", items, broken, mended);
      const Mean drop = paired_likelihood_drop(likelihood_drops, 0.9);
      now.rated = items, now.likelihood_drop = drop.value;
      now.likelihood_drop_standard_error = drop.standard_error;
      const GateVerdict verdict = gate_verdict(now, 0.05, look);
      if (verdict == GateVerdict::passed) ++passed;
      if (verdict != GateVerdict::undecided) break;
    }
  }
  EXPECT_LE(passed, kRuns * 0.06);
}

// What run_gate asks, answered by a table instead of two models.
class RunGate : public testing::Test {
 protected:
  using Score = std::function<QuestionScore(const EvalItem&)>;

  void add(const std::string& capability, int count, const Grader& grader = kExactMatch) {
    std::vector<QualityQuestion>& fresh = questions_[capability];
    for (int i = 0; i < count; ++i)
      fresh.push_back(
          {.item = {.capability = capability, .prompt = std::to_string(i), .grader = &grader}});
  }

  std::optional<GateResult> run(double margin, const Score& reference, const Score& now) {
    return run_gate(
        questions_, {.every = margin}, 0.02, brief_,
        [&](const QualityPlan& plan) -> std::optional<GateScores> {
          GateScores scores;
          for (const QualityQuestion& question : plan.questions) {
            if (++n_asked_ > most_asked_) break;
            ++asked_[question.item.capability];
            scores.reference.push_back(reference(question.item));
            scores.now.push_back(now(question.item));
          }
          if (interrupted_) return std::nullopt;
          return scores;
        },
        [&] { return ++looks_ < most_looks_; });
  }

  static QuestionScore right(const EvalItem&) { return {.score = 1}; }

  std::map<std::string, std::vector<QualityQuestion>> questions_;
  std::map<std::string, int> asked_;
  bool interrupted_ = false, brief_ = false;
  int looks_ = 0, most_looks_ = kGateLooks;
  int n_asked_ = 0, most_asked_ = 1'000'000;
};

// With a wide margin the first look asks all that a later one could.
TEST_F(RunGate, AccuracyPassesWithoutAWordingToRate) {
  add("copy", 17);
  const std::optional<GateResult> result = run(0.2, right, right);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  EXPECT_EQ(asked_["copy"], 17);
  EXPECT_EQ(result->looks, 3);
}

TEST_F(RunGate, WhatNothingIsKnownOfIsNoLoss) {
  add("knowledge", 400, kOwnChoice);
  add("copy", 400);
  const auto unsure = [](const EvalItem& item) {
    return QuestionScore{.score = item.grader == &kOwnChoice ? 0.5 : 1};
  };
  const std::optional<GateResult> result = run(0.05, unsure, unsure);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  ASSERT_EQ(result->capabilities.size(), 1u);
  EXPECT_EQ(result->capabilities[0].name, "copy");
  EXPECT_EQ(result->nothing_to_lose, std::vector<std::string>{"knowledge"});
}

// One question left that full precision gets wrong does not say that it gets others wrong.
TEST_F(RunGate, AFewThatNothingIsKnownOfProveNothing) {
  add("knowledge", 2, kOwnChoice);
  const auto unsure = [](const EvalItem&) { return QuestionScore{.score = 0.5}; };
  const std::optional<GateResult> result = run(0.05, unsure, unsure);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::undecided);
  EXPECT_TRUE(result->nothing_to_lose.empty());
}

TEST_F(RunGate, WhereNothingIsKnownAtAllItSaysSo) {
  add("knowledge", 400, kOwnChoice);
  const auto unsure = [](const EvalItem&) { return QuestionScore{.score = 0.5}; };
  const std::optional<GateResult> result = run(0.05, unsure, unsure);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed);
  EXPECT_EQ(result->reason,
            "full precision is sure of no answer, so that there is nothing to lose");
}

TEST_F(RunGate, WithoutFreshQuestionsNothingIsProven) {
  add("mine", 0);
  add("copy", 400);
  const std::optional<GateResult> result = run(0.05, right, right);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::undecided);
  EXPECT_NE(result->reason.find("no question of mine was left"), std::string::npos)
      << result->reason;
}

TEST_F(RunGate, OnlyWhatIsOpenIsAskedOn) {
  add("copy", 400);
  add("sort", 400);
  const auto sure = [](const EvalItem& item) {
    return item.capability == "copy" ? QuestionScore{1, {0.9}} : QuestionScore{1, {}};
  };
  const std::optional<GateResult> result = run(0.05, sure, sure);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  EXPECT_EQ(asked_["copy"], gate_questions(0.05, 0));
  EXPECT_EQ(asked_["sort"], gate_questions(0.05, 2));
}

TEST_F(RunGate, WhereTimeIsShortTheFirstLookAsksLittleMoreThanCanPass) {
  add("copy", 400);
  add("sort", 400);
  brief_ = true;
  const auto now = [](const EvalItem& item) {
    return item.capability == "copy" ? QuestionScore{1, {0.9}} : QuestionScore{1, {0.87}};
  };
  const std::optional<GateResult> result = run(
      0.05,
      [](const EvalItem&) {
        return QuestionScore{1, {0.9}};
      },
      now);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  EXPECT_EQ(asked_["copy"], fewest_gate_questions(0.05, 0.02, questions_.at("copy")) + 1);
  EXPECT_EQ(asked_["sort"], gate_questions(0.05, 0));
  EXPECT_LT(asked_["copy"], asked_["sort"]);
  EXPECT_EQ(result->looks, 2);
}

TEST_F(RunGate, WhatThereWasNoTimeToAskIsNotProven) {
  add("copy", 400);
  add("sort", 400);
  most_asked_ = 1, most_looks_ = 1;
  const std::optional<GateResult> result = run(
      0.05,
      [](const EvalItem&) {
        return QuestionScore{1, {0.9}};
      },
      [](const EvalItem&) {
        return QuestionScore{1, {0.9}};
      });
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::undecided);
  EXPECT_EQ(asked_["sort"], 0);
  EXPECT_NE(result->reason.find("sort"), std::string::npos) << result->reason;
}

TEST_F(RunGate, WhereTimeEndsEachWasAskedAsMuch) {
  add("copy", 400);
  add("sort", 400);
  most_asked_ = 31, most_looks_ = 1;
  ASSERT_TRUE(run(0.05, right, right));
  EXPECT_EQ(asked_["copy"], 16);
  EXPECT_EQ(asked_["sort"], 15);
}

// The first few that time was left for say nothing of the others.
TEST_F(RunGate, AFewUnsureAnswersAreNoProofThatNothingIsKnown) {
  add("knowledge", 400, kOwnChoice);
  most_asked_ = 5, most_looks_ = 1;
  const auto unsure = [](const EvalItem&) { return QuestionScore{.score = 0.5}; };
  const std::optional<GateResult> result = run(0.05, unsure, unsure);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::undecided) << result->reason;
  EXPECT_NE(result->reason.find("knowledge"), std::string::npos) << result->reason;
}

TEST(QualityGate, FewestQuestionsFollowFromTheDivergence) {
  EXPECT_EQ(fewest_gate_questions(0.5, 0, {}), 3) << "fewer show nothing";
  const auto passes = [](int count, double kl_p999) {
    const Mean drop =
        paired_likelihood_drop(std::vector<double>(std::size_t(count)), largest_swing(kl_p999));
    return kGateSigmas * drop.standard_error <= 0.05;
  };
  const int n = fewest_gate_questions(0.05, 0.1, {});
  EXPECT_TRUE(passes(n, 0.1));
  EXPECT_FALSE(passes(n - 1, 0.1));
  // The divergences of an answer's three tokens add up.
  const QualityQuestion question{.answer = QualityChoice{.tokens = {1, 2, 3, 4}, .begin = 1}};
  const int three = fewest_gate_questions(0.05, 0.1, {&question, 1});
  EXPECT_TRUE(passes(three, 0.3));
  EXPECT_FALSE(passes(three - 1, 0.3));
}

// Likelihoods are of prompts; answers are decoded.
TEST(QualityGate, UnevenFlipsAreNoProofWhateverTheLikelihoodSays) {
  Capability flips = capability("a", 50, 4, 0);
  flips.rated = 50, flips.likelihood_drop_standard_error = 0.001;
  EXPECT_EQ(gate_verdict(flips, 0.01, 0), GateVerdict::undecided);
  Capability even = capability("a", 50, 4, 3);
  even.rated = 50, even.likelihood_drop_standard_error = 0.001;
  EXPECT_EQ(gate_verdict(even, 0.01, 0), GateVerdict::passed);
}

TEST_F(RunGate, WhatFullPrecisionNeverGetsRightCannotBeLost) {
  add("copy", 400);
  add("sort", 400);
  const auto score = [](const EvalItem& item) {
    return item.capability == "copy" ? QuestionScore{0, {1e-9}} : QuestionScore{1, {0.9}};
  };
  const std::optional<GateResult> result = run(0.05, score, score);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  ASSERT_EQ(result->capabilities.size(), 1u);
  EXPECT_EQ(result->capabilities[0].name, "sort");
}

TEST_F(RunGate, WhatHasNothingToLoseIsAskedNoMore) {
  add("copy", 400);
  add("sort", 400);
  brief_ = true;
  const auto score = [](const EvalItem& item) {
    return item.capability == "copy" ? QuestionScore{0, {1e-9}} : QuestionScore{1, {}};
  };
  const std::optional<GateResult> result = run(0.05, score, score);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  EXPECT_LE(asked_["copy"], 8);
  EXPECT_EQ(asked_["sort"], gate_questions(0.05, 2));
}

// Long answers may lose more than short ones, so that proving them takes more questions than the
// second look else asks.
TEST_F(RunGate, WhereTimeIsShortTheSecondLookAsksAsManyAsCanPass) {
  questions_["extraction"].resize(
      400, {.item = {.capability = "extraction", .prompt = "?", .grader = &kExactMatch},
            .answer = QualityChoice{.tokens = std::vector<int>(81), .begin = 1}});
  brief_ = true;
  const int proof = fewest_gate_questions(0.05, 0.02, questions_.at("extraction")) + 1;
  ASSERT_GT(proof, gate_questions(0.05, 0));
  const auto sure = [](const EvalItem&) { return QuestionScore{1, {0.9}}; };
  const std::optional<GateResult> result = run(0.05, sure, sure);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::passed) << result->reason;
  EXPECT_EQ(asked_["extraction"], proof);
  EXPECT_EQ(result->looks, 2);
}

TEST_F(RunGate, AFailureEndsIt) {
  add("copy", 400);
  add("sort", 400);
  const std::optional<GateResult> result = run(0.05, right, [](const EvalItem& item) {
    return QuestionScore{.score = item.capability == "sort" ? 0.0 : 1.0};
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::failed);
  EXPECT_EQ(result->reason.find("sort loses"), 0u) << result->reason;
  EXPECT_EQ(result->looks, 1);
}

TEST_F(RunGate, StopsWhereTimeEndsOrTheUserDoes) {
  add("copy", 400);
  most_looks_ = 2;
  const std::optional<GateResult> result = run(0.05, right, right);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->verdict, GateVerdict::undecided);
  EXPECT_EQ(result->looks, 2);
  interrupted_ = true;
  EXPECT_FALSE(run(0.05, right, right));
}

TEST(QualityGate, ItsQuestionsAreFreshAndEachIsAskedOnce) {
  const auto source = open_model(kDemoModel);
  const Tokenizer tokenizer(source->tokenizer());
  Workload workload{.file = "test.json", .seed = 3};
  for (const char* name : {"recall", "sort"}) {
    workload.quality.evals.push_back(demo_eval(name));
    workload.quality.evals.back().max_items = 30;
  }
  const QualityPlan search = plan_quality(workload, source->shape(), tokenizer, nullptr);
  const auto fresh = plan_gate(workload, source->shape(), tokenizer, nullptr, search);
  ASSERT_EQ(fresh.size(), 2u);
  std::set<std::string> prompts;
  for (const QualityQuestion& question : search.questions) prompts.insert(question.item.prompt);
  for (const auto& [name, questions] : fresh) {
    EXPECT_GT(questions.size(), 150u);
    for (const QualityQuestion& question : questions) {
      EXPECT_EQ(question.item.capability, name);
      EXPECT_TRUE(prompts.insert(question.item.prompt).second) << question.item.prompt;
    }
  }
}

// That none of 20 changed is no certainty that none would; a thousand small changes are.
TEST(PairedDrop, OfLikelihoods) {
  const Mean none = paired_likelihood_drop(std::vector<double>(20, 0.0));
  EXPECT_EQ(none.value, 0);
  EXPECT_NEAR(none.standard_error, kSmallestSwing * std::sqrt(2.0) / 22, 1e-12);
  const Mean all = paired_likelihood_drop(std::vector<double>(1000, 0.2));
  EXPECT_NEAR(all.value, 0.2, 1e-3);
  EXPECT_LT(all.standard_error, 1e-3);
  EXPECT_GT(paired_likelihood_drop(std::vector<double>{0, 0, 0, 0.9}).standard_error, 0.2);
  EXPECT_NEAR(paired_likelihood_drop(std::vector<double>(20, 0.0), 0.5).standard_error,
              0.5 * std::sqrt(2.0) / 22, 1e-12);
  EXPECT_EQ(paired_likelihood_drop({}).value, 0);
  EXPECT_DOUBLE_EQ(largest_swing(0.08), 0.2);
  EXPECT_EQ(largest_swing(9), 1);
}

TEST(PairedDrop, FlipsAndScores) {
  const Mean none = paired_drop(std::vector<double>(100, 0.0));
  EXPECT_EQ(none.value, 0);
  EXPECT_NEAR(none.standard_error, std::sqrt(2.0) / 102, 1e-12);
  const Mean half = paired_drop(std::vector<double>{0.5, 0.25, 0, 0.25});
  EXPECT_DOUBLE_EQ(half.value, 1.0 / 6);  // of four and the two added
  EXPECT_GT(half.standard_error, 0.2) << "four questions of whatever score tell little";
  EXPECT_EQ(paired_drop({}).value, 0);
}

}  // namespace
}  // namespace paretune
