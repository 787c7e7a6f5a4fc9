#pragma once

namespace paretune {

struct Moments {
  double mean = 0, variance = 0;
};

}  // namespace paretune
