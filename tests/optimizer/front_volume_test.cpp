#include "optimizer/front_volume.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

Study study(std::vector<Objectives> all) {
  Study s;
  for (const Objectives& objectives : all) {
    s.trials.push_back({.id = int(s.trials.size()), .objectives = objectives, .feasible = true});
    s.trials.back().measurement.seconds = 2;
  }
  s.feasible = true;
  return s;
}

TEST(FrontVolumeTest, TheDefaultAloneHasAQuarterLessWhatItLoses) {
  Study s = study({{2, 30, 0}, {1, 30, 0.01}});
  trace_progress(s);
  ASSERT_EQ(s.progress.size(), 2u);
  EXPECT_DOUBLE_EQ(s.progress[0].hypervolume, 0.25);
  // Half the cost, at the worst loss: 1.5 x 1 x 0.1 of the box, less what is the default's.
  EXPECT_DOUBLE_EQ(s.progress[1].hypervolume, 0.25 + 0.5 * 1 * 0.1 / 4.4);
  EXPECT_EQ(s.progress[1].seconds, 4);
}

TEST(FrontVolumeTest, WhatMissesALimitAddsNothing) {
  Study s = study({{2, 30, 0}, {0.1, 1, 0}});
  s.trials[1].feasible = false;
  trace_progress(s);
  EXPECT_EQ(s.progress[1].hypervolume, s.progress[0].hypervolume);
}

TEST(FrontVolumeTest, WithoutADefaultThereIsNoBox) {
  Study s = study({{2, 30, 0}});
  s.trials[0].measurement.outcome = Outcome::timed_out;
  EXPECT_FALSE(FrontBox::of(s));
  trace_progress(s);
  EXPECT_TRUE(s.progress.empty());
}

}  // namespace
}  // namespace paretune
