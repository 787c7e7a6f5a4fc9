// A number that threads wait on until it changes: they spin for some microseconds, then park on a
// futex, so that a neighbour who takes a core costs one wake-up and not a time slice.
//
// Not std::atomic's wait, where a wake-up that gets lost is lost for good. One did (libstdc++ 12,
// Linux 6.18, cause not found): both threads of a model slept at barriers, one of them at a barrier
// that was open, until a debugger interrupted the system call. Here whoever is parked looks again
// by himself, soon at first.
#pragma once

#include <atomic>

namespace paretune {

class Parking {
 public:
  explicit Parking(int value) : value_(value) {}

  int load() const { return value_.load(std::memory_order_acquire); }
  // Without waking anybody.
  void set(int value) { value_.store(value, std::memory_order_relaxed); }
  // Returns the number before, and wakes all who are parked.
  int add(int delta);
  // Waits until the number differs from old, and returns it.
  int wait_change(int old);

 private:
  int park(int old);

  std::atomic<int> value_;
  std::atomic<int> parked_{0};  // threads that may have to be woken
};

}  // namespace paretune
