// A number that threads wait on until it changes: they spin for some microseconds, then park on a
// futex, so that a neighbour who takes a core costs one wake-up and not a time slice.
//
// Not std::atomic's wait: a wake-up that gets lost there is lost for good. One did, under a kernel
// of 2025 with two threads parked at barriers one after the other, and a server would have hung.
// Here parked threads look again by themselves, soon at first.
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
