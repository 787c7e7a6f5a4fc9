#include "profiles/load_run.h"

#include <gtest/gtest.h>

#include <vector>

#include "profiles/speed.h"
#include "runtime/engine/loaded_model.h"
#include "tests/profiles/manual_clock.h"

namespace paretune {
namespace {

Workload workload(const ArrivalProcess& process) {
  Workload w;
  w.traffic = {{.name = "t", .input_seq_len = {.value = 10}, .output_seq_len = {.value = 5}}};
  w.arrival.process = &process;
  w.arrival.concurrency = 4;
  w.arrival.rate_qps = 20;
  w.num_requests = 40;
  w.warmup_requests = 4;
  w.cost.usd_per_hour = 3.6;
  return w;
}

class LoadRunTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto source = open_model("workloads/demo/demo.gguf");
    config_ = default_config({this_machine(), source->shape()});
    model_ = new LoadedModel(load_model(std::move(source), config_));
    vocabulary_ = ordinary_tokens(*model_->tokenizer);
  }
  static void TearDownTestSuite() { delete model_; }
  LoadRun run(const Workload& w, const LoadLevel& level) {
    // Every look is a millisecond, so a run takes the same time on every machine.
    ManualClock clock(1e-3, 5);
    return run_load(*model_->engine(config_), w, level, 1, vocabulary_, clock);
  }
  static inline DeployConfig config_;
  static inline LoadedModel* model_ = nullptr;
  static inline std::vector<std::int32_t> vocabulary_;
};

TEST_F(LoadRunTest, CountsEveryRequestOnceAndByDefinition) {
  const LoadRun r = run(workload(kClosedLoop), {.concurrency = 4});
  EXPECT_EQ(r.requests, 40);
  EXPECT_EQ(r.failed, 0);
  EXPECT_EQ(r.latency.ttft_ms.samples, 40);
  EXPECT_EQ(r.latency.itl_ms.samples, 40 * 4);
  EXPECT_NEAR(r.request_rate * r.seconds, 40, 1e-6);
  // E2E = TTFT + 4 gaps, and TPOT is the mean gap.
  EXPECT_NEAR(r.latency.e2e_latency_ms.mean, r.latency.ttft_ms.mean + 4 * r.latency.itl_ms.mean,
              1e-6);
  EXPECT_NEAR(r.latency.tpot_ms.mean, r.latency.itl_ms.mean, 1e-6);
  EXPECT_TRUE(r.meets_slo);
}

TEST_F(LoadRunTest, TheManualClockRepeatsARunToTheBit) {
  const Workload w = workload(kPoisson);
  const LoadRun a = run(w, {.rate = 20}), b = run(w, {.rate = 20});
  EXPECT_EQ(a.latency.ttft_ms.mean, b.latency.ttft_ms.mean);
  EXPECT_EQ(a.seconds, b.seconds);
}

TEST_F(LoadRunTest, QueueingCountsInAnOpenLoop) {
  const Workload w = workload(kPoisson);
  const LoadRun calm = run(w, {.rate = 5}), flood = run(w, {.rate = 5000});
  EXPECT_GT(flood.latency.ttft_ms.mean, 3 * calm.latency.ttft_ms.mean);
  EXPECT_NEAR(calm.offered_rate, 5, 1e-9);
  EXPECT_NEAR(calm.request_rate, 5,
              0.3);  // arrivals keep the rate exactly, the last answer ends later
  EXPECT_FALSE(calm.saturated);
}

TEST_F(LoadRunTest, TooLongRequestsAreFailuresNotSilence) {
  Workload w = workload(kClosedLoop);
  w.traffic[0].input_seq_len.value = 600;  // the context holds 512
  const LoadRun r = run(w, {.concurrency = 4});
  EXPECT_EQ(r.failed, 40);
  EXPECT_FALSE(r.meets_slo);
  EXPECT_NE(r.missed.find("refused"), std::string::npos);
}

TEST(JudgeLoadTest, LimitsAndAttainment) {
  std::vector<RequestTimes> requests;
  std::vector<double> ttft;
  for (int i = 0; i < 100; ++i) {
    const double first = i < 90 ? .1 : .3;
    requests.push_back(
        {.arrival = 0, .first = first, .last = first + .5, .gaps_ms = {500}, .output_tokens = 2});
    ttft.push_back(1e3 * first);
  }
  LoadRun run{.requests = 100, .seconds = 10};
  run.latency.ttft_ms = summarize(ttft);
  judge(run, {.bounds = {{&kTtft, kPercentiles[2], 200}}}, requests);
  EXPECT_FALSE(run.meets_slo);
  EXPECT_EQ(run.missed, "ttft_ms p95: 300 > 200");
  EXPECT_NEAR(run.slo_attainment, .9, 1e-9);
  EXPECT_NEAR(run.goodput, 9, 1e-9);
  judge(run, {.bounds = {{&kTtft, kPercentiles[0], 200}}}, requests);
  EXPECT_TRUE(run.meets_slo);
  judge(run, {.bounds = {{&kTtft, kPercentiles[0], 200}}, .attainment_fraction = .95}, requests);
  EXPECT_FALSE(run.meets_slo);
}

// A trace whose rows come at these times, the last of them after those that count.
Workload replay(const std::vector<double>& arrivals_s) {
  Workload w = workload(kTrace);
  w.seed = 1;  // of LoadRunTest's runs: the trace from its beginning
  w.warmup_requests = 0;
  w.num_requests = static_cast<int>(arrivals_s.size()) - 1;
  for (const double arrival_s : arrivals_s) w.trace.push_back({arrival_s, 10, 5, {}});
  return w;
}

TEST_F(LoadRunTest, ATraceSaturatesWhereABacklogRemains) {
  std::vector<double> even;
  for (int i = 0; i <= 128; ++i) even.push_back(i);
  const double capacity = run(replay(even), {.rate = 5000}).request_rate;
  EXPECT_TRUE(run(replay(even), {.rate = 1.4 * capacity}).saturated);
  EXPECT_FALSE(run(replay(even), {.rate = 0.6 * capacity}).saturated);

  // 40 requests at 0.3 of what the engine serves, then 24 at once.
  std::vector<double> burst;
  for (int i = 0; i < 40; ++i) burst.push_back(i);
  burst.insert(burst.end(), 24, 40);
  burst.push_back(80);
  const LoadRun r = run(replay(burst), {.rate = 0.3 * capacity * 64 / 80});
  EXPECT_FALSE(r.saturated);
  EXPECT_GT(r.latency.ttft_ms.percentiles.back().value,
            3 * r.latency.ttft_ms.percentiles[0].value);  // they do wait
}

TEST(QueueGrowsTest, TellsARampFromASteadyQueue) {
  std::vector<double> steady, ramp, burst;
  for (int i = 0; i < 64; ++i) {
    steady.push_back(3 + (i * 7 % 5));
    ramp.push_back(i * .5 + (i * 7 % 5));
    burst.push_back(i > 10 && i < 30 ? 20 : 0);
  }
  EXPECT_FALSE(queue_grows(steady, 4));
  EXPECT_TRUE(queue_grows(ramp, 4));
  EXPECT_FALSE(queue_grows(ramp, 40));
  EXPECT_FALSE(queue_grows(burst, 4));
  EXPECT_FALSE(queue_grows(std::span(ramp).first(7), 0));  // too few to tell
}

// Slowly beside what it holds already, but surely: twice as long was once asked of it.
TEST(QueueGrowsTest, ALongQueueThatGrowsIsToldFromOneThatWavers) {
  std::vector<double> grows, wavers;
  for (int i = 0; i < 64; ++i) {
    grows.push_back(60 + i * .5 + (i * 7 % 5));
    wavers.push_back(60 + (i / 8 % 2 == 0 ? 20 : 0));
  }
  EXPECT_TRUE(queue_grows(grows, 8));
  EXPECT_FALSE(queue_grows(wavers, 8));
}

TEST(LoadRun, ATracesOwnLoadIsThatOfItsCountedRequests) {
  Workload w;
  w.arrival.process = &kTrace;
  w.arrival.trace.speedup = 2;
  for (const double arrival_s : {0, 1, 5, 6, 60}) w.trace.push_back({arrival_s, 10, 1, {}});
  w.warmup_requests = 1;
  w.num_requests = 2;
  EXPECT_DOUBLE_EQ(*workload_level(w)->rate, 2 / ((6 - 1) / 2.0));
}

// 200 requests in 20 s and then 60 at once: an engine of 20 requests/s serves the burst in 3 s,
// which is much after 4 s of arrivals and little after 20; one of 8 requests/s never kept up.
TEST(LoadRun, ABurstAtTheEndIsNoBacklog) {
  EXPECT_FALSE(backlog_remains(20, 60 / 20.0, 0.3));
  EXPECT_TRUE(backlog_remains(4, 60 / 20.0, 0.3));
  EXPECT_TRUE(backlog_remains(20, 260 / 8.0 - 20, 0.3));
  EXPECT_FALSE(backlog_remains(0.6, 0.3, 0.3));  // shorter than a request takes
}

}  // namespace
}  // namespace paretune
