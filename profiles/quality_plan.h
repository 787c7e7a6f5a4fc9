// What the quality of a deployment is measured on, as token ids: documents whose every token is
// predicted, and questions whose answers are graded. Made once per study; the same for every
// config.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/chat/template.h"
#include "runtime/model/model_source.h"
#include "runtime/tokenizer/tokenizer.h"
#include "workloads/graders.h"

namespace paretune {

struct Workload;

// What measuring may spend where the workload does not say (max_text_tokens, max_questions). With
// the defaults, one quality of the demo model takes about a second on two cores.
struct QualityBudget {
  int text_tokens = 4096;   // predicted, all documents together
  int questions = 128;      // spread evenly over the capabilities
  int answer_tokens = 256;  // generated at most, for graders that search in a longer answer
  bool operator==(const QualityBudget&) const = default;
};

// Every token but the first is predicted, each from all before it.
using QualityDocument = std::vector<int>;

struct QualityChoice {
  std::vector<int> tokens;  // context and choice
  int begin = 1;            // of the choice
  bool operator==(const QualityChoice&) const = default;
};

// The item's grader has either `score`, then the model answers `prompt` in its own words, or
// `choose`, then it rates the choices.
struct QualityQuestion {
  EvalItem item;
  std::vector<int> prompt;
  int max_tokens = 0;  // of the answer
  std::vector<QualityChoice> choices;
  std::optional<QualityChoice> answer;  // to rate beside, where it is graded by its wording
  bool operator==(const QualityQuestion&) const = default;
};

// Of the wording that is rated, or of a choice, on average; 1 where nothing is.
double rated_tokens(const QualityQuestion& question);

struct QualityPlan {
  std::vector<QualityDocument> documents;
  std::vector<int>
      sources;  // of each document: windows of one text, and texts of one source, alike
  std::vector<QualityQuestion> questions;  // in the order of their capabilities
  int too_long = 0;  // questions passed over because the model's context does not hold them
  std::vector<std::string> unaskable;  // capabilities no question of which it holds

  std::size_t predicted_tokens() const;
  std::string hash() const;  // 32 hex digits
  bool operator==(const QualityPlan&) const = default;
};

// From workload.quality, drawn by workload.seed. Its text, or where it names none its questions
// with their right answers, are the documents; where it names no questions, the built-in probes
// are. Those longer than an eighth of the budget (or than the context) are cut into windows, and
// every document gives its first window before any gives its second: many short documents bound the
// mean better than a long one. chat: null for a model without a chat template, whose prompts are
// then fed as they stand. Throws std::runtime_error where a file cannot be read or nothing is left
// to measure.
QualityPlan plan_quality(const Workload& workload, const ModelShape& shape,
                         const Tokenizer& tokenizer, const ChatTemplate* chat,
                         const QualityBudget& budget = {});

// What compression is calibrated on where workload.quality.calibration says so, else nothing:
// files, and the evals' training split, whose questions no plan holds. Throws as plan_quality.
std::vector<std::vector<int>> plan_calibration(const Workload& workload, const ModelShape& shape,
                                               const Tokenizer& tokenizer,
                                               const ChatTemplate* chat);

}  // namespace paretune
