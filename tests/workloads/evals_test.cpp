#include "workloads/evals.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/workloads/expect_error.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

std::vector<EvalItem> parse(std::string_view text) {
  return parse_evals(text, "folder/quiz.jsonl");
}

TEST(Evals, DemoFilesHaveTwoHundredItemsEach) {
  int items = 0;
  std::set<std::string> capabilities;
  for (const auto& entry : std::filesystem::directory_iterator("workloads/demo/evals"))
    for (const EvalItem& item : load_evals(entry.path())) {
      ++items;
      capabilities.insert(item.capability);
      ASSERT_EQ(item.capability, entry.path().stem());
      ASSERT_EQ(item.grader, &kExactMatch);
      ASSERT_FALSE(item.prompt.empty() || item.answer.empty());
    }
  EXPECT_EQ(items, 2000);
  EXPECT_EQ(capabilities.size(), 10u);
}

TEST(Evals, LeastItemGetsItsDefaults) {
  const std::vector<EvalItem> items = parse("\n{\"prompt\": \"2+2\", \"answer\": 4}\n");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0], (EvalItem{.id = "2",
                                .capability = "quiz",
                                .prompt = "2+2",
                                .answer = "4",
                                .grader = &kExactMatch}));
}

TEST(Evals, ChoicesAreAnsweredByIndexOrText) {
  const std::vector<EvalItem> items = parse(
      R"({"question": "Sky?", "choices": ["blue", "tea"], "answer": 1, "subject": "physics", "passage": "On skies"})"
      "\r\n"
      R"({"prompt": "Sky?", "choices": ["blue", "tea"], "answer": "blue", "grader": "choice_logprob_norm"})");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].correct_choice, 1);
  EXPECT_EQ(items[0].answer, "tea");
  EXPECT_EQ(items[0].capability, "physics");
  EXPECT_EQ(items[0].document, "On skies");
  EXPECT_EQ(items[1].document, "");
  EXPECT_EQ(items[0].grader, &kChoiceLogprob);
  EXPECT_EQ(items[1].correct_choice, 0);
  EXPECT_EQ(items[1].grader, &kChoiceLogprobNorm);
}

TEST(Evals, MetadataIsIgnoredAndAnswersMayBeJson) {
  const std::vector<EvalItem> items = parse(
      R"({"prompt": "p", "answer": {"b": 1, "a": 2}, "grader": "json_equal", "metadata": {"any": [1, 2]}})");
  EXPECT_EQ(items[0].answer, R"({"a":2,"b":1})");
}

TEST(Evals, BadLinesAreRefusedWithTheirNumber) {
  const auto refused = [](const std::string& line, std::vector<std::string> parts) {
    expect_error([&] { parse("{\"prompt\": \"p\", \"answer\": \"a\"}\n" + line); }, parts);
  };
  refused("{", {"folder/quiz.jsonl:2: not JSON"});
  refused("[]", {"quiz.jsonl:2: $: found an array"});
  refused(R"({"answer": "a"})", {"quiz.jsonl:2: $.prompt: found nothing"});
  refused(R"({"prompt": "p"})", {"quiz.jsonl:2: $.answer: found nothing"});
  refused(R"({"prompt": "", "answer": "a"})", {":2: $.prompt: found \"\"", "not empty"});
  refused(R"({"prompt": 5, "answer": "a"})", {":2: $.prompt: found 5"});
  refused(R"({"prompt": "p", "answer": null})", {":2: $.answer: found null"});
  refused(R"({"prompt": "p", "question": "q", "answer": "a"})",
          {":2: $.question", "a second time"});
  refused(R"({"promt": "p", "answer": "a"})",
          {":2: $.promt: found an unknown key", "did you mean \"prompt\""});
  refused(R"({"prompt": "p", "answer": 2, "choices": ["a", "b"]})",
          {":2: $.answer: found 2", "from 0 to 1"});
  refused(R"({"prompt": "p", "answer": "c", "choices": ["a", "b"]})",
          {":2: $.answer: found \"c\""});
  refused(R"({"prompt": "p", "answer": "a", "choices": ["a", "a"]})",
          {":2: $.answer", "exactly one"});
  refused(R"({"prompt": "p", "answer": 0, "choices": ["a"]})",
          {":2: $.choices: found an array of 1"});
  refused(R"({"prompt": "p", "answer": 0, "choices": ["a", 7]})", {":2: $.choices[1]: found 7"});
  refused(R"({"prompt": "p", "answer": "a", "grader": "exact"})",
          {":2: $.grader: found \"exact\"", "exact_match"});
  refused(R"({"prompt": "p", "answer": "a", "grader": "choice_logprob"})",
          {":2: $.grader", "choices"});
  refused(R"({"prompt": "p", "answer": "(", "grader": "regex"})", {":2: $.grader", "pattern"});
  refused(R"({"prompt": "p", "answer": "x", "grader": "numeric"})", {":2: $.grader", "a number"});
  refused(R"({"prompt": "p", "answer": "a", "tolerance": -1})", {":2: $.tolerance: found -1"});
  refused(R"({"prompt": "p", "answer": "a", "id": "1"})", {":2: $.id", "\"1\" a second time"});
  refused(R"({"prompt": "p", "answer": "a", "prompt": "q"})", {":2:", "\"prompt\" twice"});
  expect_error([] { parse("\n\n"); }, {"folder/quiz.jsonl: found no items"});
}

TEST(Select, IsASeededSubsetInOrderAndNested) {
  const std::vector<EvalItem> all = load_evals("workloads/demo/evals/sort.jsonl");
  const std::vector<EvalItem> ten = select(all, 10, 1), twenty = select(all, 20, 1);
  ASSERT_EQ(ten.size(), 10u);
  EXPECT_EQ(ten, select(all, 10, 1));
  EXPECT_NE(ten, select(all, 10, 2));
  for (std::size_t i = 1; i < ten.size(); ++i) EXPECT_LT(ten[i - 1].id, ten[i].id);
  for (const EvalItem& item : ten)
    EXPECT_NE(std::find(twenty.begin(), twenty.end(), item), twenty.end());
  EXPECT_EQ(select(all, 1000, 1), all);
}

TEST(Evals, SpecChoosesGraderAndNumber) {
  EvalSpec spec{
      .file = "workloads/demo/evals/extraction.jsonl", .grader = &kJsonEqual, .max_items = 7};
  const std::vector<EvalItem> items = load_evals(spec, 1);
  ASSERT_EQ(items.size(), 7u);
  for (const EvalItem& item : items) EXPECT_EQ(item.grader->score(item, item.answer), 1);
  spec.grader = &kChoiceLogprob;
  expect_error([&] { load_evals(spec, 1); },
               {"extraction.jsonl: item extraction-000", "needs choices"});
}

TEST(Evals, OfAWorkloadMustHaveTheCapabilitiesOfItsFloors) {
  Workload w = load_workload("workloads/demo/chat.json");
  EXPECT_EQ(load_evals(w).size(), 9 * 12u);
  w.quality.floors.capabilities["poetry"] = {.min_accuracy = 0.5};
  expect_error([&] { load_evals(w); },
               {"workloads/demo/chat.json: $.quality.floors.capabilities.poetry",
                "arithmetic, copy, extraction"});
}

}  // namespace
}  // namespace paretune
