#include "runtime/engine/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

namespace paretune {
namespace {

TEST(ThreadPoolTest, SharesCoverTheRangeOnceInGrains) {
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (const int n : {0, 1, 15, 16, 17, 100}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
      pool.run(threads, [&](Team& team) {
        const Team::Range mine = team.share(n, 16);
        EXPECT_EQ(mine.begin % 16, mine.begin == n ? n % 16 : 0);
        for (int i = mine.begin; i < mine.end; ++i) ++seen[static_cast<std::size_t>(i)];
      });
      for (const auto& count : seen) EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadPoolTest, DynamicRunsEachTaskOnceAgainAndAgain) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> seen(50);
  pool.run(3, [&](Team& team) {
    for (int round = 0; round < 40; ++round) {
      team.dynamic(50, [&](int i) { ++seen[static_cast<std::size_t>(i)]; });
    }
  });
  for (const auto& count : seen) EXPECT_EQ(count.load(), 40);
}

TEST(ThreadPoolTest, BarriersOrderWritesBeforeReads) {
  ThreadPool pool(2);
  std::vector<int> values(2);
  for (int round = 0; round < 500; ++round) {
    pool.run(2, [&](Team& team) {
      values[static_cast<std::size_t>(team.rank())] = round;
      team.barrier();
      EXPECT_EQ(values[static_cast<std::size_t>(1 - team.rank())], round);
      team.barrier();
    });
  }
}

TEST(ThreadPoolTest, RunsWithFewerThreadsThanItHas) {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  for (int threads = 0; threads <= 5; ++threads) {
    pool.run(threads, [&](Team& team) {
      EXPECT_LE(team.size(), 3);
      ++runs;
    });
  }
  EXPECT_EQ(runs.load(), 1 + 1 + 2 + 3 + 3 + 3);
}

}  // namespace
}  // namespace paretune
