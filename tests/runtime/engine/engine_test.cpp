#include "runtime/engine/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "runtime/engine/scorer.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

class EngineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    config_ = exact_config(demo_target());
    // Prefill and decode by the same kernels: then nothing about batching may change a logit.
    model_ = new LoadedModel(load_model(open_model(kDemo), config_));
  }
  static void TearDownTestSuite() { delete model_; }

  static std::vector<Request> requests(int n, bool shared_prefix = false) {
    std::mt19937_64 rng(7);
    std::vector<Request> all;
    for (int i = 0; i < n; ++i) {
      Request request{.id = static_cast<std::uint64_t>(i)};
      if (shared_prefix) {
        for (int t = 0; t < 70; ++t) request.prompt.push_back(100 + t);
      }
      const int length = 3 + static_cast<int>(rng() % 90);
      for (int t = 0; t < length; ++t) request.prompt.push_back(static_cast<int>(rng() % 1500) + 3);
      request.sampling = {.max_tokens = 2 + static_cast<int>(rng() % 12), .ignore_eos = true};
      all.push_back(request);
    }
    return all;
  }

  static std::map<std::uint64_t, std::vector<int>> run(Engine& engine,
                                                       const std::vector<Request>& all) {
    std::map<std::uint64_t, std::vector<int>> tokens;
    for (const Request& request : all) engine.submit(request);
    while (!engine.idle()) {
      for (const TokenEvent& event : engine.step()) tokens[event.request_id].push_back(event.token);
    }
    return tokens;
  }

  static inline DeployConfig config_;
  static inline LoadedModel* model_ = nullptr;
};

TEST_F(EngineTest, BatchingChunksPagesAndSchedulesDoNotChangeTheAnswers) {
  const auto all = requests(12);
  DeployConfig one = config_;
  one.max_batch_size = 1;
  one.prefix_caching = false;
  const auto expected = run(*model_->engine(one), all);
  ASSERT_EQ(expected.size(), all.size());
  for (const Request& request : all) {
    EXPECT_EQ(static_cast<int>(expected.at(request.id).size()), request.sampling.max_tokens);
  }
  for (const int batch : {2, 8}) {
    for (const int chunk : {16, 64}) {
      for (const int page : {8, 32}) {
        for (const std::string_view schedule : kSchedules) {
          DeployConfig config = config_;
          config.max_batch_size = batch;
          config.prefill_chunk = chunk;
          config.kv_page_tokens = page;
          config.schedule.name = schedule;
          // The model was packed for config_; pages are its Engine's and its forward's business
          // alike.
          const LoadedModel model = load_model(open_model(kDemo), config);
          EXPECT_EQ(run(*model.engine(config), all), expected)
              << batch << ' ' << chunk << ' ' << page << ' ' << schedule;
        }
      }
    }
  }
}

TEST_F(EngineTest, CachedPrefixesGiveTheSameAnswersAndAreCounted) {
  const auto all = requests(8, true);
  DeployConfig off = config_;
  off.prefix_caching = false;
  const auto expected = run(*model_->engine(off), all);
  const auto engine = model_->engine(config_);
  EXPECT_EQ(run(*engine, {all[0]}).at(0), expected.at(0));
  EXPECT_EQ(engine->stats().prefix_cache_hits, 0u);
  EXPECT_EQ(run(*engine, all), expected);
  EXPECT_GE(engine->stats().prefix_cache_hits, 8u * 64);
  engine->clear_prefix_cache();
  const auto hits = engine->stats().prefix_cache_hits;
  run(*engine, {all[0]});
  EXPECT_EQ(engine->stats().prefix_cache_hits, hits);
}

TEST_F(EngineTest, ASmallCacheMakesRequestsWaitAndLosesNone) {
  const auto all = requests(12);
  DeployConfig small = config_;
  small.kv_cache_tokens = 128;
  const auto engine = model_->engine(small);
  EXPECT_EQ(run(*engine, all), run(*model_->engine(config_), all));
  EXPECT_EQ(engine->stats().kv_cache_usage, 0);
  EXPECT_NE(engine->refuse_reason(
                {.id = 1, .prompt = std::vector<int>(100, 5), .sampling = {.max_tokens = 100}}),
            "");
}

TEST_F(EngineTest, CancelFreesEverything) {
  const auto engine = model_->engine(config_);
  for (const Request& request : requests(12)) engine->submit(request);
  engine->step();
  engine->step();
  for (std::uint64_t id = 0; id < 12; ++id) engine->cancel(id);
  engine->cancel(999);
  EXPECT_TRUE(engine->idle());
  EXPECT_EQ(engine->stats().kv_cache_usage, 0);
  EXPECT_EQ(run(*engine, requests(3)).size(), 3u);
}

TEST_F(EngineTest, RefusesWhatCanNeverRun) {
  const auto engine = model_->engine(config_);
  EXPECT_NE(engine->refuse_reason({.prompt = {}}), "");
  EXPECT_NE(engine->refuse_reason({.prompt = {1536}}), "");
  EXPECT_NE(engine->refuse_reason({.prompt = {-1}}), "");
  EXPECT_NE(engine->refuse_reason({.prompt = std::vector<int>(512, 5)}), "");
  EXPECT_NE(engine->refuse_reason({.prompt = {5}, .sampling = {.max_tokens = 0}}), "");
  EXPECT_EQ(engine->refuse_reason({.prompt = std::vector<int>(511, 5)}), "");
}

TEST_F(EngineTest, StopsAtTheContextsEnd) {
  const auto engine = model_->engine(config_);
  const Request request{.id = 3,
                        .prompt = std::vector<int>(500, 5),
                        .sampling = {.max_tokens = 100, .ignore_eos = true}};
  EXPECT_EQ(run(*engine, {request}).at(3).size(), 12u);
}

TEST_F(EngineTest, SeededSamplingRepeats) {
  const auto engine = model_->engine(config_);
  Request request{
      .id = 1,
      .prompt = {1, 279, 13},
      .sampling = {.temperature = 1.5f, .seed = 5, .max_tokens = 40, .ignore_eos = true}};
  const auto first = run(*engine, {request});
  EXPECT_EQ(run(*engine, {request}), first);
  request.sampling.seed = 6;
  EXPECT_NE(run(*engine, {request}), first);
}

TEST_F(EngineTest, RatesWhatMightComeAsTheScorerDoes) {
  const auto all = requests(6, true);
  for (const int chunk : {16, 64}) {
    DeployConfig config = config_;
    config.prefill_chunk = chunk;
    config.kv_page_tokens = 8;
    config.prefix_caching = true;
    const LoadedModel model = load_model(open_model(kDemo), config);
    Scorer scorer(*model.model, config, *model.pool);
    const auto engine = model.engine(config);
    run(*engine, all);  // their pages stay
    for (const int rated : {1, 5, 40}) {
      std::map<std::uint64_t, double> expected;
      for (Request request : all) {
        request.prompt.insert(request.prompt.end(), {5, 17, 300});
        const auto next = [&](int i) {
          return i + 1 < std::ssize(request.prompt) ? request.prompt[std::size_t(i) + 1] : 77;
        };
        const int first = static_cast<int>(request.prompt.size()) - rated;
        scorer.score(request.prompt, first, [&](int i, std::span<const float> logits) {
          double sum = 0;
          for (const float logit : logits) sum += std::exp(double(logit));
          expected[request.id] += logits[std::size_t(next(i))] - std::log(sum);
          request.rated.push_back(next(i));
        });
        ASSERT_EQ(engine->refuse_reason(request), "");
        engine->submit(request);
      }
      const std::uint64_t hits = engine->stats().prefix_cache_hits;
      std::map<std::uint64_t, double> found;
      while (!engine->idle()) {
        for (const TokenEvent& event : engine->step()) {
          EXPECT_EQ(event.token, 77);
          EXPECT_EQ(event.finish, FinishReason::length);
          EXPECT_TRUE(found.emplace(event.request_id, event.logprob).second) << "one event";
        }
      }
      EXPECT_GT(engine->stats().prefix_cache_hits, hits) << "their prompts ran before";
      ASSERT_EQ(found.size(), all.size());
      for (const auto& [id, logprob] : expected)
        EXPECT_NEAR(found.at(id), logprob, 1e-3) << id << ' ' << chunk << ' ' << rated;
    }
  }
}

TEST_F(EngineTest, RefusesToRateMoreThanThePromptHas) {
  const auto engine = model_->engine(config_);
  EXPECT_EQ(engine->refuse_reason({.prompt = {3, 4}, .rated = {4, 5}}), "");
  EXPECT_EQ(engine->refuse_reason({.prompt = {3}, .rated = {4, 5}}),
            "more tokens are rated than the prompt has");
  EXPECT_NE(engine->refuse_reason({.prompt = {3}, .rated = {1 << 30}}), "");
}

}  // namespace
}  // namespace paretune
