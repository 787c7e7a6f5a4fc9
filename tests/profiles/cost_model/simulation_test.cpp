#include "profiles/cost_model/simulation.h"

#include <gtest/gtest.h>

#include "profiles/speed.h"
#include "runtime/engine/loaded_model.h"
#include "tests/profiles/cost_model/planted_cost.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

class SimulationTest : public testing::Test {
 protected:
  static LoadedModel load(const DeployConfig& config) {
    return load_model(open_model(kDemoModel), config);
  }
  static void SetUpTestSuite() {
    config_ = default_config({this_machine(), open_model(kDemoModel)->shape()});
    config_.prefill_threads = config_.decode_threads = 1;
    model_ = new LoadedModel(load(config_));
    vocabulary_ = ordinary_tokens(*model_->tokenizer);
  }
  static void TearDownTestSuite() { delete model_; }

  struct Run {
    std::vector<StepShape> steps;
    std::vector<RequestTimes> requests;
    LoadRun load;
  };
  // The same clock, moved by the same amounts, under the real model or under none.
  static Run run(bool real, const DeployConfig& config, const Workload& w, const LoadLevel& level,
                 const LoadedModel& model = *model_) {
    Run result;
    SimulatedClock clock;
    const auto on_step = [&](const StepShape& shape) {
      clock.advance(planted_cost().seconds(shape));
      result.steps.push_back(shape);
    };
    const auto engine =
        real ? observed_engine(model_runner(*model.model, *model.pool), config, on_step)
             : simulated_engine(model.model->shape(), config, on_step);
    result.load = run_load(*engine, w, level, 1, vocabulary_, clock, false, &result.requests);
    return result;
  }
  static void expect_same(const Run& a, const Run& b) {
    EXPECT_EQ(a.steps, b.steps);
    EXPECT_EQ(a.load.seconds, b.load.seconds);
    EXPECT_EQ(a.load.prefix_cache_hits, b.load.prefix_cache_hits);
    ASSERT_EQ(a.requests.size(), b.requests.size());
    for (std::size_t i = 0; i < a.requests.size(); ++i) {
      EXPECT_EQ(a.requests[i].first, b.requests[i].first);
      EXPECT_EQ(a.requests[i].last, b.requests[i].last);
      EXPECT_EQ(a.requests[i].gaps_ms, b.requests[i].gaps_ms);
    }
  }
  static inline DeployConfig config_;
  static inline LoadedModel* model_ = nullptr;
  static inline std::vector<std::int32_t> vocabulary_;
};

// The engine's own schedule, to the step: which tokens of how many sequences over which contexts.
TEST_F(SimulationTest, StepsAreThoseOfTheEngine) {
  for (const std::string_view schedule : kSchedules) {
    for (const int batch : {1, 3, 16}) {
      for (const int chunk : {16, 256}) {
        DeployConfig config = config_;
        config.schedule.name = schedule;
        config.max_batch_size = batch;
        config.prefill_chunk = chunk;
        const Workload w = short_requests();
        SCOPED_TRACE(std::string(schedule) + " " + std::to_string(batch) + " " +
                     std::to_string(chunk));
        for (const LoadLevel& level : {LoadLevel{.rate = 200}, LoadLevel{.concurrency = 5}})
          expect_same(run(true, config, w, level), run(false, config, w, level));
      }
    }
  }
}

TEST_F(SimulationTest, StepsAreThoseOfTheEngineWhereTheCacheRunsShortAndPromptsBeginAlike) {
  DeployConfig config = config_;
  config.kv_page_tokens = 16;
  config.kv_cache_tokens = 160;
  config.max_batch_size = 8;
  Workload w = short_requests();
  w.traffic[0].input_seq_len.min = 40;
  w.traffic[0].prefix = {.prefix_len = 32, .num_groups = 2};
  const Run real = run(true, config, w, {.concurrency = 8}, load(config));
  EXPECT_GT(real.load.prefix_cache_hits, 0u);
  expect_same(real, run(false, config, w, {.concurrency = 8}));
}

TEST_F(SimulationTest, EveryRequestFinishesWithItsTokens) {
  const Workload w = short_requests();
  const Run r = run(false, config_, w, {.rate = 300});
  EXPECT_EQ(r.load.failed, 0);
  ASSERT_EQ(static_cast<int>(r.requests.size()), w.num_requests);
  const auto specs = make_requests(w, 1, w.warmup_requests + w.num_requests, 1.0);
  for (std::size_t i = 0; i < r.requests.size(); ++i) {
    const RequestTimes& request = r.requests[i];
    EXPECT_EQ(request.output_tokens,
              specs[i + static_cast<std::size_t>(w.warmup_requests)].output_tokens);
    EXPECT_GT(request.first, request.arrival);
    EXPECT_GE(request.last, request.first);
  }
}

TEST_F(SimulationTest, RepeatsToTheBit) {
  const Workload w = short_requests();
  expect_same(run(false, config_, w, {.rate = 300}), run(false, config_, w, {.rate = 300}));
  const LoadRun a = simulate_load(model_->model->shape(), config_, planted_cost(), w, {.rate = 300},
                                  1, vocabulary_);
  EXPECT_EQ(a.seconds, run(false, config_, w, {.rate = 300}).load.seconds);
}

TEST_F(SimulationTest, DearerStepsNeverMakeALoadFaster) {
  const Workload w = short_requests();
  double before = 0;
  for (const double factor : {1.0, 1.3, 2.0, 5.0}) {
    StepCost cost = planted_cost();
    for (PhaseCost& phase : cost.phases) phase *= factor;
    const LoadRun r =
        simulate_load(model_->model->shape(), config_, cost, w, {.rate = 300}, 1, vocabulary_);
    EXPECT_GT(r.latency.e2e_latency_ms.mean, before);
    before = r.latency.e2e_latency_ms.mean;
  }
}

}  // namespace
}  // namespace paretune
