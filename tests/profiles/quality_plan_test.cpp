#include "profiles/quality_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "profiles/quality_gate.h"
#include "runtime/chat/encode_chat.h"
#include "tests/profiles/demo_model.h"
#include "tests/refusal.h"
#include "workloads/evals.h"

namespace paretune {
namespace {

class QualityPlanTest : public testing::Test {
 protected:
  QualityPlanTest()
      : source_(open_model(kDemoModel)),
        tokenizer_(source_->tokenizer()),
        chat_(chat_template_for(tokenizer_, source_->chat_template().value_or(""), kDemoModel)) {}

  QualityPlan plan(const Workload& workload, const QualityBudget& budget = {},
                   bool chat = true) const {
    return plan_quality(workload, source_->shape(), tokenizer_, chat ? &chat_ : nullptr, budget);
  }
  std::string complaint(const Workload& workload) const {
    return refusal([&] { plan(workload); });
  }

  std::unique_ptr<ModelSource> source_;
  Tokenizer tokenizer_;
  ChatTemplate chat_;
};

Workload three_evals() {
  Workload workload{.file = "test.json", .seed = 5};
  workload.quality.evals = {demo_eval("recall"), demo_eval("sort"), demo_eval("arithmetic")};
  return workload;
}

TEST_F(QualityPlanTest, KeepsToTheBudgetAndSpreadsIt) {
  const QualityPlan p = plan(three_evals(), {.text_tokens = 700, .questions = 14});
  EXPECT_EQ(p.predicted_tokens(), 700u);
  std::map<std::string, int> by_capability;
  for (const QualityQuestion& q : p.questions) ++by_capability[q.item.capability];
  EXPECT_EQ(by_capability,
            (std::map<std::string, int>{{"arithmetic", 5}, {"recall", 5}, {"sort", 4}}));
  EXPECT_GE(p.documents.size(), 8u);
  EXPECT_EQ(p.too_long, 0);
}

// The wording of an answer in the model's own words is rated as a choice is: as it follows the
// prompt, with or without the chat's turns.
TEST_F(QualityPlanTest, AnswersAreRatedAsTheyFollowThePrompt) {
  for (const bool chat : {false, true}) {
    Workload workload = three_evals();
    workload.quality.evals[2].chat_template = chat;
    const QualityPlan p = plan(workload, {.questions = 9});
    int rated = 0;
    for (const QualityQuestion& q : p.questions) {
      if (q.item.capability != "arithmetic") continue;
      ASSERT_TRUE(q.answer);
      ++rated;
      const auto begin = q.answer->tokens.begin();
      EXPECT_TRUE(std::equal(begin, begin + q.answer->begin, q.prompt.begin()));
      const std::string text =
          tokenizer_.decode(std::vector<int>(begin + q.answer->begin, q.answer->tokens.end()));
      EXPECT_EQ(text.substr(text.find_first_not_of(' ')), q.item.answer);
    }
    EXPECT_EQ(rated, 3);
  }
}

TEST_F(QualityPlanTest, WorkloadsOwnLimitsHold) {
  Workload workload = three_evals();
  workload.quality.max_text_tokens = 100;
  workload.quality.evals[1].max_items = 2;
  const QualityPlan p = plan(workload, {.text_tokens = 700, .questions = 100});
  EXPECT_EQ(p.predicted_tokens(), 100u);
  int sorts = 0;
  for (const QualityQuestion& q : p.questions) sorts += q.item.capability == "sort";
  EXPECT_EQ(sorts, 2);
  EXPECT_EQ(p.questions.size(), 100u);
}

TEST_F(QualityPlanTest, SameSeedSamePlan) {
  const QualityBudget budget{.text_tokens = 300, .questions = 6};
  Workload workload = three_evals();
  const QualityPlan first = plan(workload, budget);
  EXPECT_EQ(first, plan(workload, budget));
  EXPECT_EQ(first.hash(), plan(workload, budget).hash());
  EXPECT_EQ(first.hash().size(), 32u);
  workload.seed = 6;
  EXPECT_NE(first.hash(), plan(workload, budget).hash());
}

// What compression was calibrated on is asked of no config.
TEST_F(QualityPlanTest, TheTrainingSplitIsKeptOutOfTheQuestions) {
  Workload workload = three_evals();
  EXPECT_TRUE(plan_calibration(workload, source_->shape(), tokenizer_, &chat_).empty());
  workload.quality.calibration = {{.path = std::string(kTrainingSplit)}};
  const auto sequences = plan_calibration(workload, source_->shape(), tokenizer_, &chat_);
  EXPECT_GT(sequences.size(), 100u);  // of 600
  EXPECT_LT(sequences.size(), 200u);
  EXPECT_EQ(sequences, plan_calibration(workload, source_->shape(), tokenizer_, &chat_));

  const QualityPlan p = plan(workload, {.text_tokens = 100'000, .questions = 600});
  const auto gate = plan_gate(workload, source_->shape(), tokenizer_, &chat_, p);
  EXPECT_EQ(gate.size(), 3u);  // that nothing is left of them is for the gate to say
  for (const auto& [name, left] : gate) EXPECT_TRUE(left.empty()) << name;
  EXPECT_EQ(p.questions.size() + sequences.size(), 600u);
  for (const QualityQuestion& question : p.questions)
    EXPECT_FALSE(in_training_split(question.item.prompt));
  const std::set<std::vector<int>> trained(sequences.begin(), sequences.end());
  for (const QualityDocument& document : p.documents) EXPECT_FALSE(trained.contains(document));

  workload.quality.calibration = {{.path = "story", .file = demo_eval("story").file}};
  EXPECT_FALSE(plan_calibration(workload, source_->shape(), tokenizer_, &chat_).empty());
  EXPECT_EQ(plan(workload), plan(three_evals()));
}

TEST_F(QualityPlanTest, AsksNoMoreQuestionsThanTheWorkloadWants) {
  Workload workload = three_evals();
  workload.quality.max_questions = 6;
  EXPECT_EQ(plan(workload, {.questions = 100}).questions.size(), 6u);
  EXPECT_EQ(plan(workload, {.questions = 3}).questions.size(), 6u) << "what it says holds";
  workload.quality.max_questions.reset();
  EXPECT_EQ(plan(workload, {.questions = 3}).questions.size(), 3u);
}

TEST_F(QualityPlanTest, HashSeesEveryPart) {
  const QualityPlan p = plan(three_evals(), {.text_tokens = 100, .questions = 3});
  std::set<std::string> hashes{p.hash()};
  QualityPlan other = p;
  ++other.documents[0][1];
  hashes.insert(other.hash());
  other = p, ++other.questions[0].prompt[1];
  hashes.insert(other.hash());
  other = p, other.questions[0].item.answer += "0";
  hashes.insert(other.hash());
  other = p, other.questions[0].item.grader = &kContains;
  hashes.insert(other.hash());
  other = p, ++other.questions[0].max_tokens;
  hashes.insert(other.hash());
  EXPECT_EQ(hashes.size(), 6u);
}

TEST_F(QualityPlanTest, PromptsAndDocumentsAreChats) {
  const TemporaryFile eval("one.jsonl", R"({"prompt": "What is 47 + 77?", "answer": "124"})");
  Workload workload;
  workload.quality.evals = {{.file = eval.path(), .name = "one"}};
  const QualityPlan p = plan(workload);
  ASSERT_EQ(p.questions.size(), 1u);
  std::vector<ChatMessage> messages{{.role = "user", .content = "What is 47 + 77?"}};
  EXPECT_EQ(p.questions[0].prompt,
            encode_chat(chat_, tokenizer_, messages, {.add_generation_prompt = true}));
  EXPECT_EQ(p.questions[0].max_tokens, 2 * 3 + 8);  // one token a digit
  messages.push_back({.role = "assistant", .content = "124"});
  ASSERT_EQ(p.documents.size(), 1u);
  EXPECT_EQ(p.documents[0],
            encode_chat(chat_, tokenizer_, messages, {.add_generation_prompt = false}));

  const QualityPlan plain = plan(workload, {}, false);
  EXPECT_EQ(plain.questions[0].prompt, tokenizer_.encode_prompt("What is 47 + 77?"));
  EXPECT_EQ(plain.documents[0], tokenizer_.encode_prompt("What is 47 + 77?124"));
  workload.quality.evals[0].chat_template = false;
  EXPECT_EQ(plan(workload), plain);
}

TEST_F(QualityPlanTest, LongTextIsCutIntoWindowsInOrder) {
  std::string story;
  for (int i = 0; i < 300; ++i)
    story += "On Monday, Tirmar found clock " + std::to_string(i) + ". ";
  const TemporaryFile text("long.txt", story);
  Workload workload;
  workload.quality.text = {{.file = text.path()}};
  const QualityPlan p = plan(workload, {.text_tokens = 800, .questions = 0});
  const std::vector<int> whole = tokenizer_.encode_prompt(story);
  std::vector<int> seen;
  for (const QualityDocument& document : p.documents) {
    EXPECT_LE(document.size(), 100u);
    seen.insert(seen.end(), document.begin(), document.end());
  }
  EXPECT_EQ(p.predicted_tokens(), 800u);
  ASSERT_LE(seen.size(), whole.size());
  EXPECT_TRUE(std::equal(seen.begin(), seen.end(), whole.begin()));
  // The context bounds a window as well.
  for (const QualityDocument& document :
       plan(workload, {.text_tokens = 100'000, .questions = 0}).documents)
    EXPECT_LE(int(document.size()), source_->shape().max_seq_len);
}

TEST_F(QualityPlanTest, EveryDocumentComesBeforeAnySecondWindow) {
  std::string longer;
  for (int i = 0; i < 100; ++i) longer += "seven and seven is fourteen ";
  const TemporaryFile text("many.txt", longer + "\n\nfirst short one\n\nsecond short one\n");
  Workload workload;
  workload.quality.text = {{.file = text.path()}};
  const QualityPlan p = plan(workload, {.text_tokens = 400, .questions = 0});
  ASSERT_GE(p.documents.size(), 4u);
  std::set<std::size_t> first{p.documents[0].size(), p.documents[1].size(), p.documents[2].size()};
  EXPECT_EQ(*first.rbegin(), 50u);
  EXPECT_LT(*first.begin(), 20u);
}

TEST_F(QualityPlanTest, ChoicesAreWholeSequences) {
  const TemporaryFile eval(
      "choices.jsonl",
      R"({"prompt": "What is 4 + 4?", "choices": ["7", "8"], "answer": "8", "capability": "sums"})");
  Workload workload;
  workload.quality.evals = {{.file = eval.path(), .name = "choices"}};
  for (const bool chat : {true, false}) {
    workload.quality.evals[0].chat_template = chat;
    const QualityPlan p = plan(workload);
    ASSERT_EQ(p.questions.size(), 1u);
    const QualityQuestion& q = p.questions[0];
    EXPECT_EQ(q.item.capability, "sums");
    ASSERT_EQ(q.choices.size(), 2u);
    for (const QualityChoice& choice : q.choices) {
      ASSERT_EQ(choice.tokens.size(), q.prompt.size() + 1);
      EXPECT_EQ(choice.begin, int(q.prompt.size()));
      EXPECT_TRUE(std::equal(q.prompt.begin(), q.prompt.end(), choice.tokens.begin()));
    }
    EXPECT_EQ(tokenizer_.token_bytes(q.choices[1].tokens.back()), "8");
  }
}

TEST_F(QualityPlanTest, QuestionsBeyondTheContextAreCounted) {
  std::string line(5'000, '7');
  const TemporaryFile eval("long.jsonl", "{\"prompt\": \"" + line + "\", \"answer\": \"7\"}\n" +
                                             R"({"prompt": "What is 1 + 1?", "answer": "2"})" +
                                             "\n");
  Workload workload;
  workload.quality.evals = {{.file = eval.path(), .name = "long"}};
  const QualityPlan p = plan(workload);
  EXPECT_EQ(p.too_long, 1);
  ASSERT_EQ(p.questions.size(), 1u);
  EXPECT_EQ(p.questions[0].item.answer, "2");
  EXPECT_TRUE(p.unaskable.empty());
}

// What cannot be asked is neither lost nor undecided, unless the user demands it.
TEST_F(QualityPlanTest, CapabilitiesBeyondTheContextAreNamed) {
  const TemporaryFile eval(
      "long.jsonl", "{\"prompt\": \"" + std::string(5'000, '7') + "\", \"answer\": \"7\"}\n");
  Workload workload = three_evals();
  workload.quality.evals.push_back({.file = eval.path(), .name = "long"});
  const QualityPlan p = plan(workload);
  ASSERT_EQ(p.unaskable.size(), 1u);
  const std::string name = p.unaskable[0];
  EXPECT_FALSE(plan_gate(workload, source_->shape(), tokenizer_, &chat_, p).contains(name));
  workload.quality.floors.capabilities[name].max_drop = 0.1;
  EXPECT_TRUE(plan_gate(workload, source_->shape(), tokenizer_, &chat_, p).contains(name));
}

// A workload that brings neither texts nor questions is measured on the built-in ones.
TEST_F(QualityPlanTest, ProbesWhereTheWorkloadHasNothing) {
  const QualityPlan p = plan(Workload{.file = "bare.json"});
  std::set<std::string> capabilities;
  for (const QualityQuestion& question : p.questions) capabilities.insert(question.item.capability);
  EXPECT_GE(capabilities.size(), 7u);  // those whose prompts fit the context
  EXPECT_GT(p.predicted_tokens(), 1000u);
}

TEST_F(QualityPlanTest, NothingToMeasureIsRefused) {
  const TemporaryFile empty("empty.txt", "x");
  Workload nothing{.file = "empty.json"};
  nothing.quality.text = {{.file = empty.path()}};
  EXPECT_NE(complaint(nothing).find("empty.json: $.quality: found neither"), std::string::npos);
  Workload workload = three_evals();
  workload.quality.evals[0].file = "no/such.jsonl";
  EXPECT_NE(complaint(workload).find("no/such.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace paretune
