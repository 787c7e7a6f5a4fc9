#include "profiles/speed.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(CountedRequests, LastLongEnoughForOverloadToShow) {
  Workload workload;
  workload.num_requests = 64;
  workload.arrival.process = &kPoisson;
  workload.budget.minutes = 1.5;
  EXPECT_EQ(counted_requests(workload, 10), 64);
  EXPECT_EQ(counted_requests(workload, 200), 200);
  EXPECT_EQ(counted_requests(workload, 200.1), 201);
  workload.budget.minutes = 3;
  EXPECT_EQ(counted_requests(workload, 200), 400);
  workload.budget.minutes = 60;
  EXPECT_EQ(counted_requests(workload, 200), 1000);
  workload.arrival.process = &kTrace;
  EXPECT_EQ(counted_requests(workload, 200), 64);
}

TEST(Price, IsOfTheTokensServed) { EXPECT_DOUBLE_EQ(usd_per_million_output_tokens(3.6, 1000), 1); }

}  // namespace
}  // namespace paretune
