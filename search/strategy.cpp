#include "search/strategy.h"

#include <stdexcept>
#include <string>

namespace paretune {

Scores Judged::raised() const {
  Scores raised = scores;
  for (double& score : raised) score += excess;
  return raised;
}

const StrategyRow& find_strategy(std::string_view name) {
  std::string known;
  for (const StrategyRow& row : kStrategies) {
    if (row.name == name) return row;
    known += known.empty() ? "" : ", ";
    known += row.name;
  }
  throw std::runtime_error("unknown strategy \"" + std::string(name) + "\"; known: " + known);
}

}  // namespace paretune
