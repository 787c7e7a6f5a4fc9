// Brings an engine to where its speed no longer changes, before anything is measured.
#pragma once

#include <cstdint>
#include <span>

#include "profiles/clock.h"
#include "runtime/engine/engine.h"

namespace paretune {

struct WarmUp {
  int passes = 0;
  bool stable = false;  // else it was given up
};

// Serves a few short requests, again and again, until two passes take the same but for a tenth, or
// the third second begins: pages of weights and cache come in, the pool's threads and an idle
// core's clock wake. The engine must be idle, and is again, with an empty prefix cache. vocabulary:
// not empty. A run's own warm-up requests (Workload::warmup_requests) then only fill the batch.
WarmUp warm_up(Engine& engine, std::span<const std::int32_t> vocabulary, Clock& clock);

}  // namespace paretune
