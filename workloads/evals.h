// Graded questions, one JSON object a line:
//   {"id": "a-1", "capability": "arithmetic", "prompt": "What is 47 + 77?", "answer": "124"}
//   {"prompt": "The sky is", "choices": [" blue", " made of tea"], "answer": 0}      (or the text
//   of a choice)
// Optional: "grader" (a row of kGraders), "tolerance" (numeric), "document" (what several questions
// are about: standard errors are clustered by it), "metadata" (anything; not read). Aliases:
// question (prompt); family, category, subject (capability); passage (document). Other keys are
// refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "workloads/graders.h"
#include "workloads/workload.h"

namespace paretune {

// Throws std::runtime_error with file and line. Items without an id get the line's number, items
// without a capability the name of the file's stem.
std::vector<EvalItem> parse_evals(std::string_view text, const std::filesystem::path& file);
std::vector<EvalItem> load_evals(const std::filesystem::path& file);

// The items of one entry of quality.evals: its grader over theirs, its max_items chosen by `seed`.
std::vector<EvalItem> load_evals(const EvalSpec& spec, std::uint64_t seed);

// Those of all entries of quality.evals, in their order. A floor on a capability that no item has
// is an error.
std::vector<EvalItem> load_evals(const Workload& workload);

// In quality.calibration: a quarter of the questions, by a hash of their prompts, so that an item
// keeps its side whatever else its file holds.
inline constexpr std::string_view kTrainingSplit = "evals";
bool in_training_split(std::string_view prompt);
bool calibrates_on_evals(const QualitySpec& quality);

// n of the items in their order, the same for the same seed; a smaller n is a subset of a larger.
std::vector<EvalItem> select(const std::vector<EvalItem>& items, int n, std::uint64_t seed);

}  // namespace paretune
