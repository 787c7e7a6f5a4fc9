// The machine's own time. Programs make one and pass it on as a Clock; no library asks for it.
#pragma once

#include "profiles/clock.h"

namespace paretune {

class SteadyClock final : public Clock {
 public:
  double now() override;
  void wait_until(double seconds) override;
  std::string utc() override;
};

}  // namespace paretune
