#include "profiles/thread_clock.h"

#include <time.h>

#include <algorithm>

#include "profiles/steady_clock.h"

namespace paretune {

double ThreadClock::now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec) + skipped_;
}

void ThreadClock::wait_until(double seconds) { skipped_ += std::max(0.0, seconds - now()); }

std::string ThreadClock::utc() { return SteadyClock().utc(); }

}  // namespace paretune
