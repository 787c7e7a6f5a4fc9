#include "profiles/canary.h"

#include <gtest/gtest.h>

#include "profiles/steady_clock.h"

namespace paretune {
namespace {

TEST(Canary, IsWorkThatTakesTimeAndNotMuch) {
  SteadyClock clock;
  Canary canary(2);
  for (int i = 0; i < 3; ++i) {
    const double begin = clock.now(), seconds = canary.seconds(clock), took = clock.now() - begin;
    EXPECT_GT(seconds, 1e-3);
    EXPECT_LE(seconds, took);
  }
}

}  // namespace
}  // namespace paretune
