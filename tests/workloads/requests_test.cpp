#include "workloads/requests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace paretune {
namespace {

Workload two_classes(const ArrivalProcess* process) {
  Workload w;
  w.traffic = {
      {.name = "short",
       .share = 0.75,
       .input_seq_len = {.law = &kUniformLength, .min = 10, .max = 50},
       .output_seq_len = {.law = &kGaussianLength, .value = 20, .std_dev = 5, .min = 1, .max = 40},
       .prefix = {.prefix_len = 8, .num_groups = 3}},
      {.name = "long",
       .share = 0.25,
       .input_seq_len =
           {.law = &kLognormalLength, .value = 200, .std_dev = 100, .min = 60, .max = 400},
       .output_seq_len = {.value = 7}}};
  w.arrival = {.process = process, .rate_qps = 2, .burstiness = 0.5};
  return w;
}

Workload three_rows() {
  Workload w;
  w.seed = 5;
  w.arrival.process = &kTrace;
  w.trace = {{0, 600, 1, {11, 12}}, {1, 700, 2, {11, 13}}, {4, 20, 3, {14}}};
  return w;
}

std::vector<std::int32_t> vocabulary(int n) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < n; ++i) ids.push_back(i);
  return ids;
}

TEST(Requests, SameSeedSameRequestsAndAnotherSeedOthers) {
  for (const ArrivalProcess* process : kArrivals) {
    const Workload w = process == &kTrace ? three_rows() : two_classes(process);
    EXPECT_EQ(make_requests(w, 5, 100), make_requests(w, 5, 100)) << process->name;
    EXPECT_NE(make_requests(w, 5, 100), make_requests(w, 6, 100)) << process->name;
  }
}

TEST(Requests, FewerAreTheFirstOfMore) {
  for (const ArrivalProcess* process : kArrivals) {
    const Workload w = process == &kTrace ? three_rows() : two_classes(process);
    const std::vector<RequestSpec> few = make_requests(w, 5, 20), many = make_requests(w, 5, 200);
    EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin())) << process->name;
  }
}

// Common random numbers: what two rates are compared on differs in the rate alone.
TEST(Requests, AnotherRateScalesArrivalsAndLeavesTheRest) {
  for (const ArrivalProcess* process : kArrivals) {
    if (!process->has_rate) continue;
    const Workload w = process == &kTrace ? three_rows() : two_classes(process);
    const std::vector<RequestSpec> slow = make_requests(w, 5, 50, 1.5);
    std::vector<RequestSpec> fast = make_requests(w, 5, 50, 6.0);
    for (std::size_t i = 0; i < fast.size(); ++i) {
      EXPECT_DOUBLE_EQ(fast[i].arrival_s * 4, slow[i].arrival_s) << process->name;
      fast[i].arrival_s = slow[i].arrival_s;
    }
    EXPECT_EQ(fast, slow) << process->name;
  }
}

TEST(Requests, AnotherLawForOneLengthLeavesTheOthers) {
  Workload w = two_classes(&kPoisson);
  const std::vector<RequestSpec> before = make_requests(w, 1, 100);
  w.traffic[0].output_seq_len = {.value = 33};
  const std::vector<RequestSpec> after = make_requests(w, 1, 100);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].traffic_class, before[i].traffic_class);
    EXPECT_EQ(after[i].input_tokens, before[i].input_tokens);
    EXPECT_EQ(after[i].arrival_s, before[i].arrival_s);
    EXPECT_EQ(after[i].output_tokens, after[i].traffic_class == 0 ? 33 : before[i].output_tokens);
  }
}

TEST(Requests, DrawEachThingFromAStreamOfItsOwn) {
  Workload w;
  const LengthSpec law{.law = &kUniformLength, .min = 1, .max = 1000};
  w.traffic = {{.name = "a", .share = 0.5, .input_seq_len = law, .output_seq_len = law},
               {.name = "b", .share = 0.5, .input_seq_len = law, .output_seq_len = law}};
  w.arrival.process = &kPoisson;
  constexpr int kRequests = 10'000;
  std::array<std::vector<double>, 4> columns;  // class, input, output, gap: one of each per request
  double last_s = 0;
  for (const RequestSpec& r : make_requests(w, 1, kRequests)) {
    columns[0].push_back(r.traffic_class);
    columns[1].push_back(r.input_tokens);
    columns[2].push_back(r.output_tokens);
    columns[3].push_back(r.arrival_s - last_s);
    last_s = r.arrival_s;
  }
  const auto correlation = [](const std::vector<double>& x, const std::vector<double>& y) {
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      sx += x[i], sy += y[i], sxx += x[i] * x[i], syy += y[i] * y[i], sxy += x[i] * y[i];
    const double n = double(x.size());
    return (sxy - sx * sy / n) / std::sqrt((sxx - sx * sx / n) * (syy - sy * sy / n));
  };
  for (std::size_t a = 0; a < columns.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      EXPECT_NEAR(correlation(columns[a], columns[b]), 0, 5 / std::sqrt(kRequests))
          << a << " and " << b;
}

TEST(Requests, ArriveInOrderAtTheRate) {
  for (const ArrivalProcess* process : {&kPoisson, &kGamma, &kConstant}) {
    const std::vector<RequestSpec> requests = make_requests(two_classes(process), 1, 20'000);
    EXPECT_TRUE(std::is_sorted(
        requests.begin(), requests.end(),
        [](const RequestSpec& a, const RequestSpec& b) { return a.arrival_s < b.arrival_s; }));
    EXPECT_NEAR(20'000 / requests.back().arrival_s, 2, 2 * 5 * std::sqrt(2 / 20'000.0))
        << process->name;
    EXPECT_EQ(requests[17].id, 17);
  }
}

TEST(Requests, OfAClosedLoopHaveNoArrivalTimes) {
  for (const RequestSpec& r : make_requests(two_classes(&kClosedLoop), 1, 50))
    EXPECT_EQ(r.arrival_s, 0);
}

TEST(Requests, FollowSharesLengthsAndPrefixesOfTheirClass) {
  std::map<int, int> of_class, of_group;
  for (const RequestSpec& r : make_requests(two_classes(&kPoisson), 1, 20'000)) {
    ++of_class[r.traffic_class];
    if (r.traffic_class == 0) {
      ASSERT_TRUE(r.input_tokens >= 10 && r.input_tokens <= 50);
      ASSERT_EQ(r.prefix_tokens, 8);
      ++of_group[r.prefix_group];
    } else {
      ASSERT_TRUE(r.input_tokens >= 60 && r.input_tokens <= 400);
      ASSERT_EQ(r.output_tokens, 7);
      ASSERT_EQ(r.prefix_group, -1);
    }
  }
  EXPECT_NEAR(of_class[0], 15'000, 5 * std::sqrt(20'000 * 0.75 * 0.25));
  ASSERT_EQ(of_group.size(), 3u);
  for (const auto& [group, count] : of_group)
    EXPECT_NEAR(count, 5000, 5 * std::sqrt(5000.0)) << group;
}

TEST(Requests, PrefixLeavesATokenToEachPrompt) {
  Workload w = two_classes(&kPoisson);
  w.traffic[0].prefix.prefix_len = 30;
  for (const RequestSpec& r : make_requests(w, 1, 200))
    if (r.traffic_class == 0) {
      EXPECT_EQ(r.prefix_tokens, std::min(30, r.input_tokens - 1));
    }
}

TEST(Trace, ReplaysFromItsFirstRowAndOverAgain) {
  const std::vector<RequestSpec> requests = make_requests(three_rows(), 5, 5);
  ASSERT_EQ(requests.size(), 5u);
  const double expected_s[] = {0, 1, 4, 6,
                               7};  // the second lap begins a mean gap, 2 s, after the last row
  const int expected_tokens[] = {600, 700, 20, 600, 700};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_DOUBLE_EQ(requests[i].arrival_s, expected_s[i]);
    EXPECT_EQ(requests[i].input_tokens, expected_tokens[i]);
    EXPECT_EQ(requests[i].traffic_class, -1);
  }
}

TEST(Trace, SpeedupAndRateSetThePace) {
  Workload w = three_rows();
  w.arrival.trace.speedup = 2;
  EXPECT_DOUBLE_EQ(make_requests(w, 5, 3)[2].arrival_s, 2);
  EXPECT_DOUBLE_EQ(make_requests(w, 5, 3, 2.0)[2].arrival_s, 1);  // published 0.5 requests/s, now 2
}

TEST(Trace, AnotherSeedStartsAtAnotherRow) {
  std::set<int> first_tokens;
  for (std::uint64_t seed = 6; seed < 30; ++seed) {
    const std::vector<RequestSpec> requests = make_requests(three_rows(), seed, 4);
    EXPECT_EQ(requests[0].arrival_s, 0);
    first_tokens.insert(requests[0].input_tokens);
  }
  EXPECT_EQ(first_tokens, (std::set<int>{20, 600, 700}));
}

TEST(PromptTokens, AgreeOnThePrefixOfAGroupAndDifferAfterIt) {
  const std::vector<std::int32_t> ids = vocabulary(1000);
  std::map<int, std::vector<std::int32_t>> prefix_of;
  std::set<std::vector<std::int32_t>> tails;
  for (const RequestSpec& r : make_requests(two_classes(&kPoisson), 1, 40)) {
    const std::vector<std::int32_t> tokens = prompt_tokens(r, ids);
    ASSERT_EQ(tokens.size(), std::size_t(r.input_tokens));
    tails.insert({tokens.begin() + r.prefix_tokens, tokens.end()});
    if (r.prefix_group < 0) continue;
    const std::vector<std::int32_t> prefix(tokens.begin(), tokens.begin() + r.prefix_tokens);
    EXPECT_EQ(prefix_of.try_emplace(r.prefix_group, prefix).first->second, prefix);
  }
  EXPECT_EQ(tails.size(), 40u);
  EXPECT_NE(prefix_of.at(0), prefix_of.at(1));
}

TEST(PromptTokens, AgreeOnEqualLeadingBlocksOfATrace) {
  const std::vector<RequestSpec> requests = make_requests(three_rows(), 5, 3);
  const std::vector<std::int32_t> ids = vocabulary(1000);
  const auto a = prompt_tokens(requests[0], ids), b = prompt_tokens(requests[1], ids);
  EXPECT_EQ(a.size(), 600u);
  EXPECT_TRUE(std::equal(a.begin(), a.begin() + 512, b.begin()));
  EXPECT_FALSE(std::equal(a.begin() + 512, a.end(), b.begin() + 512));
}

TEST(PromptTokens, UseTheGivenVocabularyOnly) {
  const std::vector<std::int32_t> ids{7, 9, 4000};
  std::set<std::int32_t> used;
  for (const RequestSpec& r : make_requests(two_classes(&kPoisson), 1, 20))
    for (const std::int32_t id : prompt_tokens(r, ids)) used.insert(id);
  EXPECT_EQ(used, (std::set<std::int32_t>{7, 9, 4000}));
}

}  // namespace
}  // namespace paretune
