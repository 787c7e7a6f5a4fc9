#include "workloads/graders.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>

#include "workloads/text_file.h"

namespace paretune {

namespace {

std::string_view lacks_nothing(const EvalItem&) { return {}; }

constexpr std::string_view kSpace = " \t\r\n";

// Nothing that follows makes them equal but for white space around them.
bool differs(std::string_view output, std::string_view answer) {
  output.remove_prefix(std::min(output.find_first_not_of(kSpace), output.size()));
  answer = trimmed(answer);
  if (output.size() <= answer.size()) return !answer.starts_with(output);
  return !output.starts_with(answer) ||
         output.find_first_not_of(kSpace, answer.size()) != output.npos;
}

bool exact_match_settled(const EvalItem& item, std::string_view output) {
  return differs(output, item.answer);
}

bool first_line_settled(const EvalItem& item, std::string_view output) {
  const std::size_t begin = output.find_first_not_of(kSpace);
  return begin != output.npos &&
         (output.find('\n', begin) != output.npos || differs(output, item.answer));
}

double exact_match(const EvalItem& item, std::string_view output) {
  return trimmed(output) == trimmed(item.answer);
}

double first_line(const EvalItem& item, std::string_view output) {
  output = trimmed(output);
  return trimmed(output.substr(0, output.find('\n'))) == trimmed(item.answer);
}

std::string_view lacks_answer(const EvalItem& item) {
  return trimmed(item.answer).empty() ? "an answer that is not empty" : "";
}

double contains(const EvalItem& item, std::string_view output) {
  return output.find(trimmed(item.answer)) != output.npos;
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// The last number in the text, its thousands separated by commas or not: "so 3-1,234.5e0 apples."
// has 1234.5, as a minus after a digit is a dash.
std::optional<double> last_number(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool separator = text[i] == ',' && i > 0 && digit(text[i - 1]) && i + 3 < text.size() &&
                           digit(text[i + 1]) && digit(text[i + 2]) && digit(text[i + 3]) &&
                           (i + 4 == text.size() || !digit(text[i + 4]));
    if (!separator) plain += text[i];
  }
  std::optional<double> last;
  for (std::size_t i = 0; i < plain.size();) {
    const bool fraction = plain[i] == '.' && i + 1 < plain.size() && digit(plain[i + 1]);
    if (!digit(plain[i]) && !fraction) {
      ++i;
      continue;
    }
    const bool minus = i > 0 && plain[i - 1] == '-' && (i == 1 || !digit(plain[i - 2]));
    double value = 0;
    const auto [end, error] = std::from_chars(plain.data() + i, plain.data() + plain.size(), value);
    if (error == std::errc{}) last = minus ? -value : value;
    i = std::size_t(end - plain.data());
  }
  return last;
}

std::string_view lacks_number(const EvalItem& item) {
  return last_number(item.answer) ? "" : "an answer with a number";
}

double numeric(const EvalItem& item, std::string_view output) {
  const std::optional<double> right = last_number(item.answer), found = last_number(output);
  return right && found && std::abs(*right - *found) <= item.tolerance;
}

nlohmann::json parsed(std::string_view text) {
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

std::string_view lacks_json(const EvalItem& item) {
  return parsed(item.answer).is_discarded() ? "an answer that is JSON" : "";
}

// The value that the output begins with, a Markdown fence before it or not; what follows is no part
// of it, as a model that has not learned to stop goes on. Discarded: there is none.
nlohmann::json first_value(std::string_view output) {
  output = trimmed(output);
  if (output.starts_with("```")) output.remove_prefix(std::min(output.find('\n'), output.size()));
  std::istringstream stream{std::string(output)};
  try {
    nlohmann::json value;
    stream >> value;
    return value;
  } catch (const nlohmann::json::exception&) {
    return nlohmann::json::value_t::discarded;
  }
}

double json_equal(const EvalItem& item, std::string_view output) {
  const nlohmann::json right = parsed(item.answer), found = first_value(output);
  return !right.is_discarded() && !found.is_discarded() && right == found;
}

// A number or a word may go on.
bool json_settled(const EvalItem&, std::string_view output) {
  const nlohmann::json found = first_value(output);
  return found.is_structured() || found.is_string();
}

// libstdc++'s default matcher recurses once a character and can take exponential time; __polynomial
// is neither, at the price of back-references. What a model writes beyond kRegexBytes is not
// searched.
constexpr std::size_t kRegexPatternBytes = 256;
constexpr std::size_t kRegexBytes = 1024;

std::optional<std::regex> compiled(std::string_view pattern) {
  if (pattern.size() > kRegexPatternBytes) return {};
  try {
    return std::regex(pattern.begin(), pattern.end(),
                      std::regex::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    return {};
  }
}

std::string_view lacks_pattern(const EvalItem& item) {
  return compiled(item.answer)
             ? ""
             : "an answer that is an ECMAScript pattern of at most 256 bytes without "
               "back-references";
}

double regex(const EvalItem& item, std::string_view output) {
  const std::optional<std::regex> pattern = compiled(item.answer);
  output = output.substr(0, kRegexBytes);
  return pattern && std::regex_search(output.begin(), output.end(), *pattern);
}

std::string_view lacks_choices(const EvalItem& item) {
  return item.choices.empty() ? "choices" : "";
}

int most_likely([[maybe_unused]] const EvalItem& item, std::span<const double> logprobs) {
  assert(logprobs.size() == item.choices.size() && !logprobs.empty());
  return int(std::max_element(logprobs.begin(), logprobs.end()) - logprobs.begin());
}

int most_likely_per_byte(const EvalItem& item, std::span<const double> logprobs) {
  std::vector<double> per_byte;
  for (std::size_t i = 0; i < logprobs.size(); ++i)
    per_byte.push_back(logprobs[i] / double(std::max<std::size_t>(1, item.choices[i].size())));
  return most_likely(item, per_byte);
}

}  // namespace

constexpr Grader kExactMatch{"exact_match", lacks_nothing, exact_match, nullptr,
                             exact_match_settled};
constexpr Grader kFirstLine{"first_line", lacks_nothing, first_line, nullptr, first_line_settled};
constexpr Grader kContains{
    "contains", lacks_answer, contains, nullptr,
    [](const EvalItem& item, std::string_view output) { return contains(item, output) > 0; }};
constexpr Grader kNumeric{"numeric", lacks_number, numeric, nullptr};
constexpr Grader kJsonEqual{"json_equal", lacks_json, json_equal, nullptr, json_settled};
constexpr Grader kRegex{"regex", lacks_pattern, regex, nullptr};
constexpr Grader kChoiceLogprob{"choice_logprob", lacks_choices, nullptr, most_likely};
constexpr Grader kOwnChoice{"own_choice", lacks_choices, nullptr, most_likely};
constexpr Grader kChoiceLogprobNorm{"choice_logprob_norm", lacks_choices, nullptr,
                                    most_likely_per_byte};

}  // namespace paretune
