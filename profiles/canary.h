// The same fixed piece of work beside every trial: what a machine that is slower during one trial
// than during another does to both is seen, and need not be taken for a difference between configs.
#pragma once

#include "profiles/clock.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

// Of threads that each read 4 MiB that no cache near the core holds and multiply in registers,
// many times over, as decodes and prefills do. About 30 ms on the machine of bench/README's
// figures. seconds: of the whole, interruptions included. Depends on the build and the machine
// alone.
class Canary {
 public:
  explicit Canary(int threads);
  double seconds(Clock& clock);

 private:
  ThreadPool pool_;
  std::vector<std::vector<float>> weights_;  // of each thread
};

}  // namespace paretune
