// Time, passed in: programs give the steady clock, tests one that they move.
#pragma once

namespace paretune {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual double now() = 0;                     // seconds since some fixed moment, never less than before
  virtual void wait_until(double seconds) = 0;  // returns at once where that has passed
};

}  // namespace paretune
