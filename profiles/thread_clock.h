// Time as the calling thread spends it: what it waits for a core does not count, and waiting on
// purpose takes none. On a machine shared with others it says what the wall clock would on an idle
// one, as long as the caller's thread works whenever the engine does (the engine's threads share
// steps evenly, the caller's among them).
#pragma once

#include "profiles/clock.h"

namespace paretune {

class ThreadClock final : public Clock {
 public:
  double now() override;
  void wait_until(double seconds) override;
  std::string utc() override;

 private:
  double skipped_ = 0;
};

}  // namespace paretune
