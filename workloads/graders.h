// A question and an answer into a score in [0, 1]. Pure functions; who runs the model calls them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paretune {

struct Grader;

struct EvalItem {
  std::string id;
  std::string capability;
  std::string document;  // questions of one are not independent; empty: of its own
  std::string prompt;
  std::string answer;                // with choices: the right one's text
  std::vector<std::string> choices;  // none: the model's own words are graded
  int correct_choice = -1;
  double tolerance = 0;            // numeric: largest absolute difference
  const Grader* grader = nullptr;  // never null once loaded
  std::string command;             // of the grader "command": run by sh, in the workload's folder
  bool operator==(const EvalItem&) const = default;
};

// A row of kGraders. Exactly one of score and choose is set.
struct Grader {
  std::string_view name;
  // What an item must have for this grader, where it lacks it; empty: all is well. Checked when
  // items are loaded.
  std::string_view (*lacks)(const EvalItem& item);
  // Of what the model generated for item.prompt.
  double (*score)(const EvalItem& item, std::string_view output);
  // logprobs[i]: sum of the log-probabilities of choice i's tokens after the prompt. Returns the
  // choice it takes.
  int (*choose)(const EvalItem& item, std::span<const double> logprobs);
  // Whether the score stays the same whatever follows this output; null: that is never known.
  bool (*settled)(const EvalItem& item, std::string_view output) = nullptr;
};

extern const Grader kExactMatch;  // equal, but for white space at both ends
extern const Grader kContains;    // the answer occurs in the output
extern const Grader kNumeric;     // the output's last number is within item.tolerance of the answer
extern const Grader kJsonEqual;   // the JSON value that the output begins with is the answer's
extern const Grader kRegex;  // the answer, an ECMAScript pattern without back-references, is found
                             // in the output's first KiB
extern const Grader kChoiceLogprob;      // the most likely choice
extern const Grader kChoiceLogprobNorm;  // the most likely per byte of its text ("acc_norm" of
                                         // lm-evaluation-harness)

extern const Grader kFirstLine;  // the output's first line that is not blank equals the answer
extern const Grader kCommand;    // the user's own program reads {"prompt", "answer", "output"} and
                                 // prints a score (command_grader.cpp)

extern const Grader kOwnChoice;  // the choice that full precision takes, where it is sure of it:
                                 // twice as likely as any other. Others do not count

inline constexpr std::array<const Grader*, 10> kGraders{
    &kExactMatch,    &kContains,          &kNumeric,   &kJsonEqual, &kRegex,
    &kChoiceLogprob, &kChoiceLogprobNorm, &kFirstLine, &kCommand,   &kOwnChoice};

}  // namespace paretune
