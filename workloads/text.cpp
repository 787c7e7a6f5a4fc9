#include "workloads/text.h"

#include <algorithm>
#include <stdexcept>

#include "workloads/evals.h"
#include "workloads/random.h"
#include "workloads/text_file.h"

namespace paretune {

namespace {

constexpr std::size_t kMaxTextBytes = 256 << 20;
constexpr std::string_view kEndOfText = "<|endoftext|>";

// A line that ends a document.
bool separates(std::string_view line, bool marked) {
  return trimmed(line) == (marked ? kEndOfText : "");
}

std::vector<Document> split(std::string_view text) {
  bool marked = false;
  for (std::string_view rest = text; !marked && !rest.empty();)
    marked = separates(take_line(rest), true);

  std::vector<Document> documents;
  std::string document;
  const auto flush = [&] {
    if (const std::string_view body = trimmed(document); !body.empty())
      documents.push_back({.text = std::string(body)});
    document.clear();
  };
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (separates(line, marked)) {
      flush();
    } else {
      document.append(line) += '\n';
    }
  }
  flush();
  return documents;
}

}  // namespace

std::vector<Document> parse_text(std::string_view text, const std::filesystem::path& file) {
  if (file.extension() != ".jsonl") return split(without_bom(text));
  std::vector<Document> documents;
  for (EvalItem& item : parse_evals(text, file))
    documents.push_back({std::move(item.prompt), std::move(item.answer), std::move(item.document)});
  return documents;
}

std::vector<Document> load_text(const std::filesystem::path& file) {
  std::vector<Document> documents = parse_text(read_text_file(file, kMaxTextBytes), file);
  if (documents.empty())
    throw std::runtime_error(file.string() + ": found no text, allowed: at least one document");
  return documents;
}

std::vector<Document> load_text(const QualitySpec& quality, std::uint64_t seed) {
  std::vector<Document> all;
  for (const TextSpec& spec : quality.text)
    for (Document& document : load_text(spec.file)) all.push_back(std::move(document));
  return shuffle(std::move(all), seed);
}

std::vector<Document> shuffle(std::vector<Document> documents, std::uint64_t seed) {
  RandomEngine rng(seed);
  for (std::size_t i = documents.size(); i > 1; --i)  // Fisher and Yates
    std::swap(documents[i - 1], documents[std::size_t(uniform01(rng) * double(i))]);
  return documents;
}

}  // namespace paretune
