// How errors refuse what came from outside: where it stands, what was found, what is allowed.
#pragma once

#include <string>
#include <string_view>

namespace paretune {

// Throws std::runtime_error.
[[noreturn]] void refuse(const std::string& where, std::string_view found,
                         std::string_view allowed);

std::string in_double_quotes(std::string_view text);

// name(item) of every item, with commas between.
template <class List, class Name>
std::string joined(const List& list, Name name) {
  std::string all;
  for (const auto& item : list) {
    if (!all.empty()) all += ", ";
    all += name(item);
  }
  return all;
}

}  // namespace paretune
