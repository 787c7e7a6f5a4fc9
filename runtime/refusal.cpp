#include "runtime/refusal.h"

#include <stdexcept>

namespace paretune {

void refuse(const std::string& where, std::string_view found, std::string_view allowed) {
  throw std::runtime_error(where + ": found " + std::string(found) +
                           ", allowed: " + std::string(allowed));
}

void append_name(std::string& names, std::string_view name) {
  if (!names.empty()) names += ", ";
  names += name;
}

std::string in_double_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace paretune
