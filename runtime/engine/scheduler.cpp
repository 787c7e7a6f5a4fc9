#include "runtime/engine/scheduler.h"

#include <algorithm>

namespace paretune {

std::vector<Slice> plan_step(std::span<const SequenceProgress> running, int budget,
                             std::string_view schedule) {
  std::vector<Slice> plan;
  const bool any_prompt = std::ranges::any_of(running, [](const auto& s) { return !s.decoding; });
  const bool decode = schedule == "mixed" || !any_prompt;
  for (int i = 0; i < static_cast<int>(running.size()); ++i) {
    if (running[static_cast<std::size_t>(i)].decoding && decode) {
      plan.push_back({i, 1});
      --budget;
    }
  }
  for (int i = 0; i < static_cast<int>(running.size()) && budget > 0; ++i) {
    const SequenceProgress& sequence = running[static_cast<std::size_t>(i)];
    if (sequence.decoding) continue;
    const int tokens = std::min(sequence.uncomputed, budget);
    plan.push_back({i, tokens});
    budget -= tokens;
  }
  return plan;
}

}  // namespace paretune
