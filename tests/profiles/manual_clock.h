// Time that a test sets, or that passes at every look.
#pragma once

#include <algorithm>
#include <string>

#include "profiles/clock.h"

namespace paretune {

class ManualClock : public Clock {
 public:
  // tick: seconds that pass at every look.
  explicit ManualClock(double tick = 0, double begin = 0) : time(begin), tick_(tick) {}

  double now() override { return time += tick_; }
  void wait_until(double seconds) override { time = std::max(time, seconds); }
  std::string utc() override { return "2026-01-01T00:00:00Z"; }

  double time;

 private:
  double tick_;
};

}  // namespace paretune
