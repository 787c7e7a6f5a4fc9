// Finds literals (special tokens, user-defined tokens) in text, the longest first.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace paretune {

class LiteralMatcher {
 public:
  void add(std::string_view literal, int id);  // the last of equal ones counts; "" is ignored

  struct Match {
    int id;
    std::size_t bytes;
  };
  std::optional<Match> match_at_start(std::string_view text) const;
  std::optional<int> find(std::string_view literal) const;
  bool empty() const { return ids_.empty(); }

 private:
  std::unordered_map<std::string, int> ids_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // of literals by first byte, longest first
};

}  // namespace paretune
