#include "optimizer/confirm.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(Confirm, LevelsFallUntilThereIsNone) {
  Workload open, closed;
  closed.arrival.process = &kClosedLoop;
  open.arrival.process = &kPoisson;
  EXPECT_DOUBLE_EQ(lower_level(10, open), 9.4);
  EXPECT_EQ(lower_level(1e-6, open), 0);
  EXPECT_EQ(lower_level(8, closed), 7);
  EXPECT_EQ(lower_level(2, closed), 1);
  EXPECT_EQ(lower_level(1, closed), 0);
}

TEST(Confirm, RatesRiseByTheSteps) {
  Workload open, closed;
  closed.arrival.process = &kClosedLoop;
  open.arrival.process = &kPoisson;
  EXPECT_DOUBLE_EQ(lower_level(higher_level(10, open), open), 10);
  EXPECT_GT(higher_level(10, open), 10);
  EXPECT_EQ(higher_level(8, closed), 0);  // what the workload asks for is what it gets
}

TEST(Confirm, AMissTellsHowFarToFall) {
  Workload open, closed;
  closed.arrival.process = &kClosedLoop;
  open.arrival.process = &kPoisson;
  const double one = 9.4, two = 9.4 * 0.94;
  LoadRun run{.request_rate = 3};  // missed a percentile, was not overloaded
  EXPECT_DOUBLE_EQ(level_after_miss(10, run, false, open), one);
  EXPECT_DOUBLE_EQ(level_after_miss(10, run, true, open), two);
  run.saturated = true;
  EXPECT_DOUBLE_EQ(level_after_miss(10, run, false, open), two);
  EXPECT_DOUBLE_EQ(level_after_miss(10, run, true, open), 3);
  run.request_rate = 9.5;
  EXPECT_DOUBLE_EQ(level_after_miss(10, run, false, open), one);
  EXPECT_DOUBLE_EQ(level_after_miss(10, run, true, open), two);
  EXPECT_EQ(level_after_miss(8, run, true, closed), 6);
  EXPECT_EQ(level_after_miss(1, run, true, closed), 0);
}

class ConfirmLevel : public testing::Test {
 protected:
  ConfirmLevel() {
    open_.arrival.process = &kPoisson;
    closed_.arrival.process = &kClosedLoop;
  }
  Workload open_, closed_;
  Trial trial_;
  LoadRun& cost_ = trial_.measurement.speed.at_max_rate;
};

TEST_F(ConfirmLevel, IsThatOfTheCost) {
  cost_.offered_rate = 12.5;
  EXPECT_EQ(level_of(trial_, open_), 12.5);
  cost_ = {.concurrency = 4};
  EXPECT_EQ(level_of(trial_, closed_), 4);
  // Without limits an open loop's cost is read from the engine kept full: what it completed.
  cost_ = {.concurrency = 16, .request_rate = 230};
  EXPECT_EQ(level_of(trial_, open_), 230);
}

TEST_F(ConfirmLevel, ABadMomentDoesNotMakeTheDefaultCheapToBeat) {
  cost_.offered_rate = 60;
  EXPECT_EQ(level_to_verify(trial_, open_), 60);
  trial_.measurement.speed.rate_search = {{.offered_rate = 100}};
  EXPECT_EQ(level_to_verify(trial_, open_), 94);
  cost_.offered_rate = 95;
  EXPECT_EQ(level_to_verify(trial_, open_), 95);
}

}  // namespace
}  // namespace paretune
