// Documents on which two models' predictions are compared (KL divergence, same top 1, perplexity).
//   .jsonl  graded questions (workloads/evals.h) with an answer: prompt and answer as one chat
//   exchange others  plain text, split at lines that hold only <|endoftext|> or, where there is
//   none, at blank lines
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/workload.h"

namespace paretune {

struct Document {
  std::string prompt;  // the user's turn; empty: `text` stands alone
  std::string text;    // the assistant's turn, or the whole document
  // What several are drawn from, by the file's word: they may depend on each other. Empty: stands
  // alone.
  std::string source = {};
  bool operator==(const Document&) const = default;
};

std::vector<Document> parse_text(std::string_view text, const std::filesystem::path& file);

// At least one document, or std::runtime_error.
std::vector<Document> load_text(const std::filesystem::path& file);

// Those of quality.text, shuffled together.
std::vector<Document> load_text(const QualitySpec& quality, std::uint64_t seed);

// All of them in an order drawn by `seed`: who measures takes from the front until its tokens are
// enough.
std::vector<Document> shuffle(std::vector<Document> documents, std::uint64_t seed);

}  // namespace paretune
