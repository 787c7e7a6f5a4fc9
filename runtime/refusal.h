// How errors refuse what came from outside: where it stands, what was found, what is allowed.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace paretune {

// Throws std::runtime_error.
[[noreturn]] void refuse(const std::string& where, std::string_view found,
                         std::string_view allowed);

std::string in_double_quotes(std::string_view text);

// With a comma between.
void append_name(std::string& names, std::string_view name);

// name(item) of every item.
template <class List, class Name = std::identity>
std::string joined(const List& list, Name name = {}) {
  std::string names;
  for (const auto& item : list) append_name(names, name(item));
  return names;
}

}  // namespace paretune
