// Three rates that tell whether a machine is still the one whose kernels were tuned: a cloud host
// that moved, a frequency cap, a neighbour that stays.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "profiles/clock.h"
#include "profiles/kernel_candidates.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

struct Sentinel {
  double read_gb_per_s = 0;  // of int8 weights by the decode kernel, from memory
  double int8_tera_ops = 0;  // two a multiply-add
  double f32_tera_ops = 0;
};

// All threads of the pool, default plans, the best of several runs: a passing interruption does not
// show, a lasting one does. Under 0.2 s.
Sentinel measure_sentinel(const Caches& caches, ThreadPool& pool, Clock& clock);

// "read 24.1 -> 11.8 GB/s, …" where a rate differs by more than half of the other, or "".
std::string changes(const Sentinel& then, const Sentinel& now);

std::string to_json(const Sentinel& sentinel);
std::optional<Sentinel> parse_sentinel(std::string_view json);  // nullopt: not one of ours

}  // namespace paretune
