#include "runtime/engine/scheduler.h"

#include <gtest/gtest.h>

#include <numeric>

namespace paretune {

bool operator==(const Slice& a, const Slice& b) {
  return a.sequence == b.sequence && a.tokens == b.tokens;
}

namespace {

const std::vector<SequenceProgress> kRunning{{1, true}, {100, false}, {1, true}, {30, false}};

TEST(SchedulerTest, MixedDecodesAllAndFillsTheBudgetOldestFirst) {
  EXPECT_EQ(plan_step(kRunning, 64, "mixed"), (std::vector<Slice>{{0, 1}, {2, 1}, {1, 62}}));
  EXPECT_EQ(plan_step(kRunning, 112, "mixed"),
            (std::vector<Slice>{{0, 1}, {2, 1}, {1, 100}, {3, 10}}));
}

TEST(SchedulerTest, PrefillFirstLetsDecodesWait) {
  EXPECT_EQ(plan_step(kRunning, 64, "prefill_first"), (std::vector<Slice>{{1, 64}}));
  const std::vector<SequenceProgress> decoding{{1, true}, {1, true}};
  EXPECT_EQ(plan_step(decoding, 64, "prefill_first"), (std::vector<Slice>{{0, 1}, {1, 1}}));
}

TEST(SchedulerTest, NeverBeyondTheBudget) {
  for (int budget = 4; budget < 140; ++budget) {
    const auto plan = plan_step(kRunning, budget, "mixed");
    const int tokens = std::accumulate(plan.begin(), plan.end(), 0,
                                       [](int sum, const Slice& s) { return sum + s.tokens; });
    EXPECT_EQ(tokens, std::min(budget, 132));
  }
}

}  // namespace
}  // namespace paretune
