#include "workloads/graders.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

double score(const Grader& grader, const std::string& answer, std::string_view output,
             double tolerance = 0) {
  return grader.score({.answer = answer, .tolerance = tolerance}, output);
}

TEST(Graders, EachGradesTextOrChoices) {
  for (const Grader* grader : kGraders) {
    EXPECT_NE(grader->score == nullptr, grader->choose == nullptr) << grader->name;
    ASSERT_NE(grader->lacks, nullptr);
  }
}

TEST(Graders, ThatGradeTextTakeTheRightAnswerAndNoOther) {
  const EvalItem item{.answer =
                          "42"};  // right for every one of them: text, number, JSON and pattern
  for (const Grader* grader : kGraders) {
    if (!grader->score || grader == &kCommand) continue;
    EXPECT_EQ(grader->lacks(item), "") << grader->name;
    EXPECT_EQ(grader->score(item, "42"), 1) << grader->name;
    EXPECT_EQ(grader->score(item, " 42\n"), 1) << grader->name;
    EXPECT_EQ(grader->score(item, "43"), 0) << grader->name;
    EXPECT_EQ(grader->score(item, ""), 0) << grader->name;
    EXPECT_EQ(grader->score(item, std::string("\0\xff\xfe{[", 5)), 0) << grader->name;
  }
}

// All texts of up to six of these characters, cut anywhere.
TEST(Graders, WhatIsSettledStaysAsItIs) {
  constexpr std::string_view kCharacters = "ab \n";
  int settled = 0, open = 0;
  for (const Grader* grader : {&kExactMatch, &kFirstLine, &kContains}) {
    for (const char* answer : {"ab", "a", "a b", " ba\n"}) {
      const EvalItem item{.answer = answer};
      for (int number = 0; number < 4096; ++number) {
        std::string text;
        for (int rest = number; text.size() < 6; rest /= 4)
          text += kCharacters[std::size_t(rest % 4)];
        const double score = grader->score(item, text);
        for (std::size_t n = 0; n <= 6; ++n) {
          const std::string begun = text.substr(0, n);
          if (!grader->settled(item, begun)) {
            ++open;
            continue;
          }
          ++settled;
          ASSERT_EQ(grader->score(item, begun), score)
              << grader->name << " \"" << answer << "\" \"" << begun << "\" \"" << text << '"';
        }
      }
    }
  }
  EXPECT_GT(settled, 100'000);
  EXPECT_GT(open, 50'000);
  EXPECT_TRUE(kFirstLine.settled({.answer = "7"}, "8"));
  EXPECT_TRUE(kFirstLine.settled({.answer = "7"}, "\n7\n"));
  EXPECT_FALSE(kExactMatch.settled({.answer = "7"}, "\n7\n"));
}

TEST(Graders, ExactMatchForgivesOnlyOuterSpace) {
  EXPECT_EQ(score(kExactMatch, "glass rope", " glass rope\r\n"), 1);
  EXPECT_EQ(score(kExactMatch, "glass rope", "glass  rope"), 0);
  EXPECT_EQ(score(kExactMatch, "glass rope", "Glass rope"), 0);
}

TEST(Graders, NumericTakesTheLastNumber) {
  EXPECT_EQ(score(kNumeric, "1234.5", "There are 3 boxes, so 1,234.5 apples."), 1);
  EXPECT_EQ(score(kNumeric, "-7", "it is -7 degrees"), 1);
  EXPECT_EQ(score(kNumeric, "7", "pages 3-7"), 1);
  EXPECT_EQ(score(kNumeric, "0.5", ".5"), 1);
  EXPECT_EQ(score(kNumeric, "1000", "1e3"), 1);
  EXPECT_EQ(score(kNumeric, "3", "1,2,3"), 1);
  EXPECT_EQ(score(kNumeric, "3.14159", "3.14", 0.01), 1);
  EXPECT_EQ(score(kNumeric, "3.14159", "3.14", 0.001), 0);
  EXPECT_EQ(score(kNumeric, "3", "three"), 0);
  EXPECT_EQ(score(kNumeric, "3", "3, or rather 4"), 0);
  EXPECT_NE(kNumeric.lacks({.answer = "many"}), "");
}

TEST(Graders, JsonEqualComparesValues) {
  EXPECT_EQ(score(kJsonEqual, R"({"a": 1, "b": [2]})", "{\"b\":[2],\n\"a\":1.0}"), 1);
  EXPECT_EQ(score(kJsonEqual, R"({"a": 1})", R"({"a": 1, "b": 2})"), 0);
  EXPECT_EQ(score(kJsonEqual, R"({"a": 1})", R"( {"a": 1}
Question: and more)"),
            1);
  EXPECT_EQ(score(kJsonEqual, R"({"a": 1})", "```json\n{\"a\": 1}\n```"), 1);
  EXPECT_EQ(score(kJsonEqual, R"({"a": 1})", R"(Here it is: {"a": 1})"), 0);
  EXPECT_EQ(score(kJsonEqual, R"({"a": 1})", R"({"a": 1)"), 0);
  EXPECT_EQ(score(kJsonEqual, "1", ""), 0);
  EXPECT_EQ(score(kJsonEqual, "1", "```"), 0);
  EXPECT_TRUE(kJsonEqual.settled({}, R"({"a": 1})"));
  EXPECT_FALSE(kJsonEqual.settled({}, R"({"a": 1)"));
  EXPECT_FALSE(kJsonEqual.settled({}, "1"));
  EXPECT_EQ(score(kJsonEqual, "[]", std::string(100'000, '[')), 0);
  EXPECT_NE(kJsonEqual.lacks({.answer = "{"}), "");
}

TEST(Graders, RegexFindsAndNeverHangs) {
  EXPECT_EQ(score(kRegex, "#### *(42|forty-two)$", "so\n#### 42"), 1);
  EXPECT_EQ(score(kRegex, "^yes", "no, yes"), 0);
  EXPECT_EQ(score(kRegex, "(a+)+b", std::string(1'000'000, 'a')), 0);
  EXPECT_EQ(score(kRegex, ".*x", std::string(1'000'000, 'y')), 0);
  EXPECT_NE(kRegex.lacks({.answer = "("}), "");
  EXPECT_NE(kRegex.lacks({.answer = "(a)\\1"}), "") << "back-references need exponential time";
  EXPECT_NE(kRegex.lacks({.answer = std::string(1000, '(')}), "");
}

TEST(Graders, ChoicesAreTakenByLikelihood) {
  const EvalItem item{.choices = {"no", "certainly not"}};
  const std::vector<double> logprobs{-4, -6};  // per byte: -2, -0.46
  EXPECT_EQ(kChoiceLogprob.choose(item, logprobs), 0);
  EXPECT_EQ(kChoiceLogprobNorm.choose(item, logprobs), 1);
  EXPECT_NE(kChoiceLogprob.lacks({.answer = "x"}), "");
}

}  // namespace
}  // namespace paretune
