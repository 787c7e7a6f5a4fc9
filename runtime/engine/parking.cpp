#include "runtime/engine/parking.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

namespace paretune {
namespace {

// About 20 µs of pause instructions: longer than the serial parts between two regions of a decode
// step, far shorter than a time slice.
constexpr int kSpins = 2000;

// How long a parked thread sleeps before it looks again: twice as long each time.
constexpr long kFirstSleepNs = 1'000'000, kLongestSleepNs = 128'000'000;

}  // namespace

int Parking::add(int delta) {
  // In one order with a waiter's parked_ and its look at the value: one of both sees the other.
  const int before = value_.fetch_add(delta, std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_seq_cst) > 0)
    syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  return before;
}

int Parking::wait_change(int old) {
  for (int i = 0; i < kSpins; ++i) {
    if (const int now = load(); now != old) return now;
    _mm_pause();
  }
  return park(old);
}

int Parking::park(int old) {
  parked_.fetch_add(1, std::memory_order_seq_cst);
  long sleep_ns = kFirstSleepNs;
  int now = value_.load(std::memory_order_seq_cst);
  while (now == old) {
    const timespec sleep{.tv_sec = 0, .tv_nsec = sleep_ns};
    syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, old, &sleep, nullptr, 0);
    sleep_ns = std::min(2 * sleep_ns, kLongestSleepNs);
    now = value_.load(std::memory_order_seq_cst);
  }
  parked_.fetch_sub(1, std::memory_order_relaxed);
  return now;
}

}  // namespace paretune
