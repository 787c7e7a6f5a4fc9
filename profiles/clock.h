// Time, passed in: programs give the steady clock (steady_clock.h), tests one that they move.
#pragma once

#include <string>

namespace paretune {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual double now() = 0;  // seconds since some fixed moment, never less than before
  virtual void wait_until(double seconds) = 0;  // returns at once where that has passed
  virtual std::string utc() = 0;                // the date, for people: 2026-11-20T23:59:59Z
};

}  // namespace paretune
