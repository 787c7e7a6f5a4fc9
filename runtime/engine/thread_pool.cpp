#include "runtime/engine/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cassert>

#include "runtime/cpu_topology.h"

namespace paretune {

void Barrier::arrive_and_wait(int size) {
  if (size == 1) return;
  const int generation = generation_.load();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.add(1);
  } else {
    generation_.wait_change(generation);
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
  epoch_.add(1);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::work(int rank) {
  int epoch = 0;
  while (true) {
    epoch = epoch_.wait_change(epoch);
    if (stop_.load(std::memory_order_relaxed)) return;
    if (rank < active_.load(std::memory_order_relaxed)) {
      Team team(rank, active_.load(std::memory_order_relaxed), barrier_, cursors_);
      (*body_)(team);
    }
    remaining_.add(-1);
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
  remaining_.set(static_cast<int>(workers_.size()));
  epoch_.add(1);
  Team team(0, active, barrier_, cursors_);
  body(team);
  for (int left = remaining_.load(); left != 0;) left = remaining_.wait_change(left);
}

}  // namespace paretune
