#include "profiles/steady_clock.h"

#include <time.h>

#include <cmath>

namespace paretune {

double SteadyClock::now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void SteadyClock::wait_until(double seconds) {
  // Sleeping overshoots by tens of microseconds, an arrival must not: the last stretch is spun.
  constexpr double kSpin = 100e-6;
  for (double left = seconds - now(); left > 0; left = seconds - now()) {
    if (left <= kSpin) continue;
    const double nap = left - kSpin;
    timespec t{static_cast<time_t>(nap), static_cast<long>(1e9 * (nap - std::floor(nap)))};
    nanosleep(&t, nullptr);
  }
}

std::string SteadyClock::utc() {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace paretune
