// What the quality of a deployment is measured on, as token ids: documents whose every token is
// predicted, and questions whose answers are graded. Made once per study; the same for every
// config.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/chat/template.h"
#include "runtime/model/model_source.h"
#include "runtime/tokenizer/tokenizer.h"
#include "workloads/graders.h"

namespace paretune {

struct Workload;

// What measuring may spend. With the defaults, one quality of the demo model takes about a second
// on two cores.
struct QualityBudget {
  int text_tokens =
      4096;  // predicted, all documents together; the workload's max_text_tokens goes before it
  int questions = 128;      // spread evenly over the capabilities
  int answer_tokens = 256;  // generated at most, for graders that search a longer text
  bool operator==(const QualityBudget&) const = default;
};

// tokens[first..] are predicted, each from all before it. first >= 1.
struct QualityDocument {
  std::vector<int> tokens;
  int first = 1;
  bool operator==(const QualityDocument&) const = default;
};

struct QualityQuestion {
  EvalItem item;
  std::vector<int> prompt;
  std::vector<std::vector<int>> choices;  // whole sequences that begin with…
  std::vector<int> choice_begin;  // …so many tokens of context; graders with `choose` only
  int max_tokens = 0;             // graders with `score` only
  bool operator==(const QualityQuestion&) const = default;
};

struct QualityPlan {
  std::vector<QualityDocument> documents;
  std::vector<QualityQuestion> questions;  // in the order of their capabilities
  int too_long = 0;  // questions left out because the model's context does not hold them

  int predicted_tokens() const;
  std::string hash() const;  // of all of the above, 32 hex digits
  bool operator==(const QualityPlan&) const = default;
};

// From workload.quality. Its text, or where it names none its questions with their right answers,
// are the documents. Those longer than an eighth of the budget (or than the context) are cut into
// windows, and every document gives its first window before any gives its second: many short
// documents bound the mean better than a long one. chat: null for a model without a chat template,
// whose prompts are then fed as they stand. Throws std::runtime_error where a file cannot be read
// or nothing is left to measure.
QualityPlan plan_quality(const Workload& workload, const ModelShape& shape,
                         const Tokenizer& tokenizer, const ChatTemplate* chat,
                         const QualityBudget& budget = {});

}  // namespace paretune
