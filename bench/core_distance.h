// How far two cores of a machine are from each other. On a virtual machine that changes while it
// runs, and decides what threads pay that share work.
#pragma once

#include <atomic>

#include "profiles/clock.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

// Nanoseconds that a line of cache takes from the first thread's core to the second's, as the mean
// of many. The pool has two threads at least.
inline double line_ns(ThreadPool& pool, Clock& clock) {
  constexpr int kTurns = 5000;
  alignas(64) std::atomic<int> turn{0};
  const double begin = clock.now();
  pool.run(2, [&](Team& team) {
    for (int i = 0; i < kTurns; ++i) {
      while (turn.load(std::memory_order_acquire) != team.rank()) {
      }
      turn.store(1 - team.rank(), std::memory_order_release);
    }
  });
  return 1e9 * (clock.now() - begin) / (2 * kTurns);
}

}  // namespace paretune
