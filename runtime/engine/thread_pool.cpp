#include "runtime/engine/thread_pool.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cassert>

#include "runtime/cpu_topology.h"

namespace paretune {
namespace {

// About 20 µs of pause instructions: longer than the serial parts between two regions of a decode
// step, far shorter than a time slice.
constexpr int kSpins = 2000;

// Waits until value differs from old.
template <class T>
T wait_change(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (const T now = value.load(std::memory_order_acquire); now != old) return now;
    _mm_pause();
  }
  T now = value.load(std::memory_order_acquire);
  while (now == old) {
    value.wait(old, std::memory_order_acquire);
    now = value.load(std::memory_order_acquire);
  }
  return now;
}

}  // namespace

void Barrier::arrive_and_wait(int size) {
  if (size == 1) return;
  const unsigned generation = generation_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
  } else {
    wait_change(generation_, generation);
  }
}

void Team::barrier() { barrier_.arrive_and_wait(size_); }

Team::Range Team::share_of(int n, int grain, int rank, int size) {
  const long chunks = (n + grain - 1) / grain;
  const auto edge = [&](long i) {
    return static_cast<int>(std::min<long>(n, chunks * i / size * grain));
  };
  return {edge(rank), edge(rank + 1)};
}

ThreadPool::ThreadPool(int threads) {
  assert(threads >= 1);
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  const std::vector<int> cpus = by_core(affinity_cpus());
  for (int rank = 1; rank < threads; ++rank) {
    const auto own = static_cast<std::size_t>(rank);
    const int cpu = own < cpus.size() ? cpus[own] : -1;
    workers_.emplace_back([this, rank] { work(rank); });
    if (cpu >= 0) {
      cpu_set_t mask;
      CPU_ZERO(&mask);
      CPU_SET(cpu, &mask);
      pthread_setaffinity_np(workers_.back().native_handle(), sizeof mask, &mask);
    }
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::work(int rank) {
  unsigned epoch = 0;
  while (true) {
    epoch = wait_change(epoch_, epoch);
    if (stop_.load(std::memory_order_relaxed)) return;
    if (rank < active_.load(std::memory_order_relaxed)) {
      Team team(rank, active_.load(std::memory_order_relaxed), barrier_, cursors_);
      (*body_)(team);
    }
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining_.notify_one();
  }
}

void ThreadPool::run(int threads, const std::function<void(Team&)>& body) {
  const int active = std::clamp(threads, 1, size());
  cursors_[0].store(0, std::memory_order_relaxed);
  cursors_[1].store(0, std::memory_order_relaxed);
  if (active == 1) {  // nobody to wake
    Team alone(0, 1, barrier_, cursors_);
    body(alone);
    return;
  }
  body_ = &body;
  active_.store(active, std::memory_order_relaxed);
  remaining_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  Team team(0, active, barrier_, cursors_);
  body(team);
  for (int left = remaining_.load(std::memory_order_acquire); left != 0;)
    left = wait_change(remaining_, left);
}

}  // namespace paretune
