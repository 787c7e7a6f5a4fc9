#include "optimizer/confirm.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(Confirm, LevelsFallUntilThereIsNone) {
  Workload open, closed;
  closed.arrival.process = &kClosedLoop;
  open.arrival.process = &kPoisson;
  EXPECT_DOUBLE_EQ(lower_level(10, open), 9);
  EXPECT_EQ(lower_level(1e-6, open), 0);
  EXPECT_EQ(lower_level(8, closed), 7);
  EXPECT_EQ(lower_level(2, closed), 1);
  EXPECT_EQ(lower_level(1, closed), 0);
}

TEST(Confirm, TheLevelIsThatOfTheCost) {
  Trial trial;
  trial.measurement.speed.at_max_rate.offered_rate = 12.5;
  EXPECT_EQ(level_of(trial), 12.5);
  trial.measurement.speed.at_max_rate.concurrency = 4;
  EXPECT_EQ(level_of(trial), 4);
}

}  // namespace
}  // namespace paretune
