// How filters, tests, methods and functions get their arguments.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/chat/value.h"

namespace paretune::chat {

using Parameters = std::array<std::string_view, 4>;  // "" behind the last

// The arguments of a call, by the callee's parameters: undefined where not given.
using Bound = std::array<Value, 4>;

struct GivenArguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
};

// Throws ChatTemplateError for too many arguments and for names the callee does not have.
Bound bind(std::string_view callee, const Parameters& parameters, const GivenArguments& given);

// Arguments of a type; otherwise where not given. Throw ChatTemplateError for another type.
std::int64_t integer_or(const Value& value, std::int64_t otherwise, std::string_view what);
const MarkedText& text_argument(const Value& value, std::string_view what);

// "a, b, c", for messages about a catalog's names.
template <class Rows>
std::string names_of(const Rows& rows) {
  std::string names;
  for (const auto& row : rows) names.append(names.empty() ? "" : ", ").append(row.name);
  return names;
}

}  // namespace paretune::chat
