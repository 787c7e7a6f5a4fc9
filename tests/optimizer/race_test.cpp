#include "optimizer/race.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "optimizer/confirm.h"
#include "tests/profiles/manual_clock.h"

namespace paretune {
namespace {

class RaceTest : public testing::Test {
 protected:
  // Three configs and the default, of which the search found 10, 20, 30 and 40 requests/s in runs
  // of a second.
  RaceTest() {
    workload_.arrival.process = &kPoisson;
    workload_.arrival.rate_qps = 1;
    workload_.num_requests = 10;
    workload_.budget.minutes = 1;
    for (int id = 0; id < 4; ++id) {
      Trial& trial = study_.trials.emplace_back(Trial{.id = id, .feasible = true});
      LoadRun& found = trial.measurement.speed.at_max_rate;
      found.offered_rate = found.request_rate = 10 * (id + 1);
      found.requests = 10 * (id + 1);
      found.seconds = 1;
      trial.measurement.speed.max_rate = found.offered_rate;
    }
    study_.workload = workload_;
  }
  std::optional<Served> run(double deadline, std::vector<int> runners = {1, 2, 3}) {
    return race(study_, workload_, runners, 4, clock_, deadline,
                [&](const Trial& trial, double rate, int heat) -> std::optional<Trial> {
                  if (static_cast<int>(order_.size()) == stop_at_) return std::nullopt;
                  order_.push_back(trial.id);
                  rates_.push_back(rate);
                  heats_.push_back(heat);
                  clock_.time += 1;
                  Trial again{.id = trial.id};
                  if (trial.id == failing_ && heat < failed_heats_) {
                    again.measurement.outcome = Outcome::timed_out;
                    return again;
                  }
                  // The second heat finds a machine that is twice as fast.
                  again.measurement.speed.at_max_rate.request_rate =
                      (heat + 1) * (trial.id == 2 ? 25 : 10);
                  return again;
                });
  }

  Study study_;
  Workload workload_;
  ManualClock clock_;
  std::vector<int> order_, heats_;
  std::vector<double> rates_;
  int stop_at_ = -1, failing_ = -1, failed_heats_ = 0;
};

TEST_F(RaceTest, ARunThatFailedServedNothingToAverage) {
  failing_ = 2, failed_heats_ = 1;
  EXPECT_EQ(run(1000)->at(2), 50);
  failed_heats_ = 2;
  const Served served = *run(1000);
  EXPECT_FALSE(served.contains(2));
  EXPECT_EQ(rate_after_race(2, 20, served), 20);
  std::vector<int> ids{2, 1, 3};
  order_by_served(ids, served);
  EXPECT_EQ(ids.back(), 2);
}

TEST_F(RaceTest, RunsAllForthAndBackBeyondWhatTheyServe) {
  const std::optional<Served> served = run(1000);
  EXPECT_EQ(order_, (std::vector<int>{1, 2, 3, 0, 0, 3, 2, 1}));
  EXPECT_EQ(heats_, (std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1}));
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const double found = order_[i] == 0 ? level_of(study_.trials[0], workload_)
                                        : level_of(study_.trials[3], workload_);
    EXPECT_NEAR(rates_[i], 1.3 * found, 1e-9) << order_[i];
  }
  EXPECT_EQ(served, (Served{{0, 15}, {1, 15}, {2, 37.5}, {3, 15}}));
}

TEST_F(RaceTest, LeavesTheTimeThatIsNeededAfterIt) {
  EXPECT_EQ(run(5)->size(), 0u);  // one heat alone takes that
  EXPECT_TRUE(order_.empty());
  EXPECT_EQ(run(11)->at(2), 25);  // time for one
  EXPECT_EQ(order_.size(), 4u);
}

TEST_F(RaceTest, NeedsRunnersAndRequestsThatArriveByThemselves) {
  EXPECT_EQ(run(1000, {1})->size(), 0u);
  workload_.arrival.process = &kClosedLoop;
  EXPECT_EQ(run(1000)->size(), 0u);
  EXPECT_TRUE(order_.empty());
}

TEST_F(RaceTest, ADefaultThatMissesTheLimitsDoesNotRun) {
  study_.trials[0].feasible = false;
  EXPECT_FALSE(run(1000)->contains(0));
}

TEST_F(RaceTest, EndsWhereItIsInterrupted) {
  stop_at_ = 2;
  EXPECT_EQ(run(1000), std::nullopt);
}

TEST(AfterRace, WhatServedMostIsFirst) {
  std::vector<int> ids{4, 1, 2, 3};
  order_by_served(ids, {{1, 5}, {3, 9}});
  EXPECT_EQ(ids, (std::vector<int>{3, 1, 4, 2}));
}

TEST(AfterRace, RatesAreWhatWasServedLeaves) {
  const Served served{{1, 100}};
  EXPECT_EQ(rate_after_race(2, 70, served), 70);
  EXPECT_EQ(rate_after_race(1, 90, served), 90);
  EXPECT_EQ(rate_after_race(1, 120, served), 100);
  EXPECT_NEAR(rate_after_race(1, 50, served), 83, 0.1);
}

}  // namespace
}  // namespace paretune
