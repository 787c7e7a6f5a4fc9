#include "workloads/probes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "workloads/evals.h"

namespace paretune {
namespace {

TEST(Probes, SameSeedSameQuestionsAndFewerAreAPrefix) {
  for (const Probe& probe : kProbes) {
    const auto few = probe_items(probe, 20, 5), many = probe_items(probe, 60, 5);
    ASSERT_EQ(few.size(), 20u) << probe.name;
    ASSERT_EQ(many.size(), 60u) << probe.name;
    for (std::size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i], many[i]);
    EXPECT_NE(probe_items(probe, 20, 6)[0], few[0]) << probe.name;
  }
}

TEST(Probes, EachQuestionIsAskedOnceAndCanBeGraded) {
  for (const Probe& probe : kProbes) {
    std::set<std::string> prompts;
    for (const EvalItem& item : probe_items(probe, 100, 1)) {
      EXPECT_TRUE(prompts.insert(item.prompt).second);
      EXPECT_EQ(item.grader->lacks(item), "") << item.id;
      if (item.choices.empty()) {
        EXPECT_EQ(item.grader->score(item, " " + item.answer + "\n\nQuestion: more"), 1) << item.id;
        EXPECT_EQ(item.grader->score(item, "something else"), 0) << item.id;
      } else {
        EXPECT_EQ(item.choices[std::size_t(item.correct_choice)], item.answer);
      }
    }
  }
}

// The answers are right: recomputed here from the words of the question.
TEST(Probes, AnswersAreRight) {
  for (const EvalItem& item : probe_items(kProbes[4], 50, 2)) {  // arithmetic
    const std::string question = item.prompt.substr(item.prompt.rfind("What is "));
    int a = 0, b = 0;
    char sign = 0;
    ASSERT_EQ(std::sscanf(question.c_str(), "What is %d %c %d?", &a, &sign, &b), 3);
    EXPECT_EQ(item.answer, std::to_string(sign == '+' ? a + b : a - b));
  }
  for (const EvalItem& item : probe_items(kProbes[0], 50, 2)) {  // recall
    const std::string question = item.prompt.substr(item.prompt.rfind("Question: "));
    const auto asked = question.substr(question.rfind("of the ") + 7);
    const std::string word = asked.substr(0, asked.find('?'));
    EXPECT_NE(question.find("The code of the " + word + " is " + item.answer + "."),
              std::string::npos);
  }
  for (const EvalItem& item : probe_items(kProbes[6], 20, 2))  // extraction
    EXPECT_TRUE(nlohmann::json::accept(item.answer)) << item.answer;
  int yes = 0;
  for (const EvalItem& item : probe_items(kProbes[7], 200, 2)) yes += item.answer == " yes";
  EXPECT_GT(yes, 60);
  EXPECT_LT(yes, 140);
}

TEST(Probes, AreNamedByPath) {
  EXPECT_EQ(probes_named("probe:all").size(), kProbes.size());
  EXPECT_EQ(probes_named("probe:copy").at(0)->name, "copy");
  EXPECT_TRUE(probes_named("evals/copy.jsonl").empty());
  try {
    probes_named("probe:nonsense");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("entailment"), std::string::npos);
  }
  const auto items = load_evals(EvalSpec{.path = "probe:sort", .max_items = 7}, 3);
  EXPECT_EQ(items.size(), 7u);
}

}  // namespace
}  // namespace paretune
