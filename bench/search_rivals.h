// Searches by others, for comparison: those that are found on this machine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "search/strategy.h"

namespace paretune {

// Scores of a canonical point; nullopt: infeasible.
using Evaluate = std::function<std::optional<Scores>(const Point&)>;

struct Rival {
  std::string name;
  // Tries `budget` points. Proposals that are invalid are repaired by space.canonical; what was
  // tried before is answered from memory and counts as no trial.
  std::function<void(const Space& space, int n_objectives, std::uint64_t seed, int budget,
                     const Evaluate& trial)>
      run;
};

// missing: for people, one line per rival that is not here.
std::vector<Rival> find_rivals(std::vector<std::string>& missing);

}  // namespace paretune
