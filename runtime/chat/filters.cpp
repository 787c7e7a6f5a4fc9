#include "runtime/chat/filters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/chat/sequence_filters.h"
#include "runtime/chat/text_operations.h"

namespace paretune::chat {
namespace {

// change of the input as text.
template <Value (*change)(Budget&, const MarkedText&)>
Value of_text(Budget& budget, const Value& input, const Bound&) {
  return change(budget, to_text(budget, input));
}

Value filter_trim(Budget& budget, const Value& input, const Bound& arguments) {
  return stripped(budget, to_text(budget, input), arguments[0], true, true);
}

Value filter_string(Budget& budget, const Value& input, const Bound&) {
  return input.text() ? input : make_text(budget, to_text(budget, input));
}

Value filter_length(Budget& budget, const Value& input, const Bound&) {
  return static_cast<std::int64_t>(length(budget, input));
}

// default_value, boolean
Value filter_default(Budget& budget, const Value& input, const Bound& arguments) {
  const bool use_default = input.is<Undefined>() || (is_true(arguments[1]) && !is_true(input));
  if (!use_default) return input;
  return arguments[0].is<Undefined>() ? make_text(budget, MarkedText()) : arguments[0];
}

// old, new, count
Value filter_replace(Budget& budget, const Value& input, const Bound& arguments) {
  return replaced(budget, to_text(budget, input), text_argument(arguments[0], "replace"),
                  text_argument(arguments[1], "replace"), integer_or(arguments[2], -1, "replace"));
}

// width, first, blank
Value filter_indent(Budget& budget, const Value& input, const Bound& arguments) {
  const std::int64_t width =
      arguments[0].text()
          ? 0
          : std::clamp<std::int64_t>(integer_or(arguments[0], 4, "indent"), 0, 1000);
  const MarkedText margin =
      arguments[0].text() ? *arguments[0].text() : MarkedText(std::string(width, ' '), true);
  MarkedText result;
  bool first = true;
  MarkedText text = to_text(budget, input);
  const bool ends_in_newline = text.bytes().ends_with('\n');
  std::vector<MarkedText> lines = split_lines(budget, text);
  if (ends_in_newline || lines.empty()) lines.emplace_back();
  for (const MarkedText& line : lines) {
    budget.make(margin.size() + line.size() + 1);
    if (!first) result.append("\n", true);
    const bool indented = first ? is_true(arguments[1]) : !line.empty() || is_true(arguments[2]);
    if (indented) result.append(margin);
    result.append(line);
    first = false;
  }
  return make_text(budget, std::move(result));
}

// ensure_ascii, indent, separators, sort_keys: of these only indent.
Value filter_tojson(Budget& budget, const Value& input, const Bound& arguments) {
  if (is_true(arguments[0]) || is_true(arguments[2]) || is_true(arguments[3])) {
    throw ChatTemplateError("tojson supports the argument indent only");
  }
  const std::int64_t indent = integer_or(arguments[1], -1, "tojson");
  return make_text(
      budget, to_json(budget, input, static_cast<int>(std::clamp<std::int64_t>(indent, -1, 100))));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n\r\f\v");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n\r\f\v") + 1 - begin);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// default
Value filter_int(Budget&, const Value& input, const Bound& arguments) {
  const std::int64_t otherwise = integer_or(arguments[0], 0, "int");
  double number = 0;
  if (input.is<bool>() || input.is<std::int64_t>()) return integer_or(input, 0, "int");
  if (const double* d = input.get<double>()) {
    number = *d;
  } else if (const MarkedText* text = input.text()) {
    if (const auto integer = parse_number<std::int64_t>(trimmed(text->bytes()))) return *integer;
    const auto parsed = parse_number<double>(trimmed(text->bytes()));
    if (!parsed) return otherwise;
    number = *parsed;
  } else {
    return otherwise;
  }
  if (!(std::abs(number) < 9e18)) return otherwise;
  return static_cast<std::int64_t>(number);
}

// default
Value filter_float(Budget&, const Value& input, const Bound& arguments) {
  const double* default_value = arguments[0].get<double>();
  const double otherwise =
      default_value ? *default_value : static_cast<double>(integer_or(arguments[0], 0, "float"));
  if (input.is<double>()) return input;
  if (input.is<bool>() || input.is<std::int64_t>()) {
    return static_cast<double>(integer_or(input, 0, "float"));
  }
  if (const MarkedText* text = input.text()) {
    return parse_number<double>(trimmed(text->bytes())).value_or(otherwise);
  }
  return otherwise;
}

Value filter_abs(Budget&, const Value& input, const Bound&) {
  if (const double* d = input.get<double>()) return std::abs(*d);
  const std::int64_t i = integer_or(input, 0, "abs");
  if (i == INT64_MIN) throw ChatTemplateError("abs: the integer is too large");
  return i < 0 ? -i : i;
}

constexpr std::array kFilters{
    Filter{"abs", {}, filter_abs},
    Filter{"capitalize", {}, of_text<capitalized>},
    Filter{"count", {}, filter_length},
    Filter{"d", {"default_value", "boolean"}, filter_default},
    Filter{"default", {"default_value", "boolean"}, filter_default},
    Filter{"dictsort", {"case_sensitive"}, filter_dictsort},
    Filter{"first", {}, filter_first},
    Filter{"float", {"default"}, filter_float},
    Filter{"indent", {"width", "first", "blank"}, filter_indent},
    Filter{"int", {"default"}, filter_int},
    Filter{"items", {}, filter_items},
    Filter{"join", {"d", "attribute"}, filter_join},
    Filter{"last", {}, filter_last},
    Filter{"length", {}, filter_length},
    Filter{"list", {}, filter_list},
    Filter{"lower", {}, of_text<lower_case>},
    Filter{"map", {"filter", "argument", "attribute", "default"}, filter_map},
    Filter{"max", {"case_sensitive", "attribute"}, filter_max},
    Filter{"min", {"case_sensitive", "attribute"}, filter_min},
    Filter{"reject", {"test", "value"}, filter_reject},
    Filter{"rejectattr", {"attribute", "test", "value"}, filter_rejectattr},
    Filter{"replace", {"old", "new", "count"}, filter_replace},
    Filter{"reverse", {}, filter_reverse},
    Filter{"safe", {}, filter_string},
    Filter{"select", {"test", "value"}, filter_select},
    Filter{"selectattr", {"attribute", "test", "value"}, filter_selectattr},
    Filter{"sort", {"reverse", "case_sensitive", "attribute"}, filter_sort},
    Filter{"string", {}, filter_string},
    Filter{"title", {}, of_text<title_case>},
    Filter{"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, filter_tojson},
    Filter{"trim", {"chars"}, filter_trim},
    Filter{"unique", {"case_sensitive", "attribute"}, filter_unique},
    Filter{"upper", {}, of_text<upper_case>},
};

}  // namespace

const Filter* find_filter(std::string_view name) {
  const auto row = std::find_if(kFilters.begin(), kFilters.end(),
                                [&](const Filter& filter) { return filter.name == name; });
  return row == kFilters.end() ? nullptr : &*row;
}

std::string filter_names() { return names_of(kFilters); }

}  // namespace paretune::chat
