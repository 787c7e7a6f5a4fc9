#include "search/descents.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace paretune {
namespace {

const Space kSpace{.n_choices = {9, 7, 4}, .ordinal = {true, true, false}};

double bowl(const Point& p) { return (p[0] - 6) * (p[0] - 6) + (p[1] - 1) * (p[1] - 1) + p[2]; }

TEST(Descents, ReachTheBottomOfABowl) {
  for (std::uint64_t seed : {1, 2, 3}) {
    TrialLog log(kSpace);
    Descents descents(log, 1, seed);
    double best = 1e9;
    for (int trial = 0; trial < 40; ++trial) {
      const Point point = descents.wanted().at(0);
      best = std::min(best, bowl(point));
      log.tell(point, Scores{bowl(point)});
      descents.learn();
    }
    EXPECT_EQ(best, 0) << seed;  // 252 points
  }
}

TEST(Descents, WantNothingTwice) {
  TrialLog log(kSpace);
  Descents descents(log, 1, 1);
  const Point pending = descents.wanted().at(0);
  log.ask(pending);
  const std::vector<Point> wanted = descents.wanted();
  EXPECT_EQ(std::ranges::count(wanted, pending), 0);
  EXPECT_FALSE(wanted.empty());
}

}  // namespace
}  // namespace paretune
