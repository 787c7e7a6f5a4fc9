#include "runtime/tokenizer/literal_matcher.h"

#include <algorithm>
#include <functional>

namespace paretune {

void LiteralMatcher::add(std::string_view literal, int id) {
  if (literal.empty()) return;
  ids_.insert_or_assign(std::string(literal), id);
  std::vector<std::size_t>& lengths = lengths_[static_cast<unsigned char>(literal[0])];
  const auto place =
      std::lower_bound(lengths.begin(), lengths.end(), literal.size(), std::greater<>());
  if (place == lengths.end() || *place != literal.size()) lengths.insert(place, literal.size());
}

std::optional<LiteralMatcher::Match> LiteralMatcher::match_at_start(std::string_view text) const {
  if (text.empty()) return std::nullopt;
  for (std::size_t length : lengths_[static_cast<unsigned char>(text[0])]) {
    if (length > text.size()) continue;
    if (const auto id = find(text.substr(0, length))) return Match{*id, length};
  }
  return std::nullopt;
}

std::optional<int> LiteralMatcher::find(std::string_view literal) const {
  const auto found = ids_.find(std::string(literal));
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

}  // namespace paretune
