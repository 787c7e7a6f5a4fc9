#include "runtime/chat/arguments.h"

#include <algorithm>

namespace paretune::chat {

Bound bind(std::string_view callee, const Parameters& parameters, const GivenArguments& given) {
  const auto count = static_cast<std::size_t>(std::find(parameters.begin(), parameters.end(), "") -
                                              parameters.begin());
  if (given.positional.size() > count) {
    throw ChatTemplateError(std::string(callee) + " takes at most " + std::to_string(count) +
                            " arguments");
  }
  Bound bound;
  std::copy(given.positional.begin(), given.positional.end(), bound.begin());
  for (const auto& [name, value] : given.named) {
    const auto end = parameters.begin() + count;
    const auto parameter = std::find(parameters.begin(), end, name);
    if (parameter == end) {
      throw ChatTemplateError(std::string(callee) + " has no parameter '" + std::string(name) +
                              "'");
    }
    bound[parameter - parameters.begin()] = value;
  }
  return bound;
}

std::int64_t integer_or(const Value& value, std::int64_t otherwise, std::string_view what) {
  if (value.is<Undefined>() || value.is<None>()) return otherwise;
  if (const bool* b = value.get<bool>()) return *b;
  if (const auto* integer = value.get<std::int64_t>()) return *integer;
  throw ChatTemplateError(std::string(what) + " takes an integer, not " +
                          std::string(type_name(value)));
}

const MarkedText& text_argument(const Value& value, std::string_view what) {
  if (const MarkedText* text = value.text()) return *text;
  throw ChatTemplateError(std::string(what) + " takes a string, not " +
                          std::string(type_name(value)));
}

}  // namespace paretune::chat
