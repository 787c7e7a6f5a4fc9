// The same fixed piece of work beside every trial: what a machine that is slower during one trial
// than during another does to both is seen, and need not be taken for a difference between configs.
#pragma once

#include <atomic>
#include <vector>

#include "profiles/clock.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

// Threads that each read 4 MiB again and again, multiply in registers, hand lines of their cache to
// a neighbour, and wait for each other as often as in the steps of a small model. On a virtual
// machine whose cores move, a line may take five times as long to the neighbour as a minute ago
// (bench/capacity_bench.cpp). About 30 ms on a quiet core of 2026 (bench/canary_bench.cpp).
class Canary {
 public:
  explicit Canary(int threads);
  double seconds(Clock& clock);  // that the work takes, interruptions included

 private:
  void work(int rounds);

  ThreadPool pool_;
  std::vector<std::vector<float>> weights_;  // of each thread
  std::vector<std::vector<float>> handed_;   // by each thread, in turns of two rounds
  std::atomic<float> result_{0};             // so that the work is not optimized away
};

}  // namespace paretune
