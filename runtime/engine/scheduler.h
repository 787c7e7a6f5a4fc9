// Which tokens the next step computes. A pure function, so that a simulation runs the same code as
// the engine.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace paretune {

struct SequenceProgress {
  int uncomputed =
      0;  // tokens known but not in the cache: the rest of the prompt, or 1 sampled token
  bool decoding = false;  // the prompt is complete
};

struct Slice {
  int sequence = 0;  // index into `running`
  int tokens = 0;    // how many of its uncomputed tokens
};

// running: in the order of admission. budget: tokens per step, at least the number of running
// sequences. schedule: a name of kSchedules (runtime/deploy_config.h).
//   mixed          every decoding sequence gets its token, then prompts fill the budget, oldest
//   first; prefill_first  prompts alone fill the budget; only when none waits do all sequences
//   decode.
std::vector<Slice> plan_step(std::span<const SequenceProgress> running, int budget,
                             std::string_view schedule);

}  // namespace paretune
