// A fixed pool of pinned threads that run one function together (SPMD), with barriers inside.
//
// A parallel region is one call of run(); what happens between its barriers is the caller's.
// Who waits spins, then parks (parking.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/engine/parking.h"

namespace paretune {

// The threads of one parallel region, as one of them sees it.
class Team {
 public:
  Team(int rank, int size, class Barrier& barrier, std::atomic<int>* cursors)
      : rank_(rank), size_(size), barrier_(barrier), cursors_(cursors) {}

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Returns once every thread of the region has called it.
  void barrier();

  // This thread's contiguous share of [0, n), in multiples of grain (the last may be short).
  struct Range {
    int begin, end;
  };
  Range share(int n, int grain = 1) const { return share_of(n, grain, rank_, size_); }
  static Range share_of(int n, int grain, int rank, int size);

  // Calls task(i) for every i in [0, n) that this thread is first to claim. Ends with a barrier.
  template <class Task>
  void dynamic(int n, Task&& task) {
    std::atomic<int>& cursor = cursors_[phase_++ % 2];
    for (int i = cursor.fetch_add(1, std::memory_order_relaxed); i < n;
         i = cursor.fetch_add(1, std::memory_order_relaxed)) {
      task(i);
    }
    barrier();
    if (rank_ == 0)
      cursor.store(
          0, std::memory_order_relaxed);  // its next use is two dynamic() calls, one barrier, away
  }

 private:
  int rank_;
  int size_;
  class Barrier& barrier_;
  std::atomic<int>* cursors_;  // two, used in turn
  unsigned phase_ = 0;
};

// Sense-reversing barrier that spins, then parks.
class Barrier {
 public:
  void arrive_and_wait(int size);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) Parking generation_{0};
};

class ThreadPool {
 public:
  // threads >= 1, the caller's own included. Thread i is pinned to the i-th CPU of the process's
  // affinity mask, one of every core first, where it has that many; the caller is not pinned.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs body(team) on `threads` threads (clamped to size()), the caller among them, and waits for
  // all. body must not throw. Regions do not nest; one caller at a time.
  void run(int threads, const std::function<void(Team&)>& body);

 private:
  void work(int rank);

  std::vector<std::thread> workers_;
  Barrier barrier_;
  std::atomic<int> cursors_[2] = {0, 0};
  alignas(64) Parking epoch_{0};      // one per region
  alignas(64) Parking remaining_{0};  // workers still in the region
  const std::function<void(Team&)>* body_ = nullptr;
  std::atomic<int> active_{1};  // threads in the current region
  std::atomic<bool> stop_{false};
};

}  // namespace paretune
