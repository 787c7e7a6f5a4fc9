// KV formats with a window of exact tokens, through the model, the scorer and the engine.
#include "runtime/engine/recent_tokens.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

std::vector<const KvFormat*> formats_with_a_window() {
  std::vector<const KvFormat*> formats;
  for (const KvFormat* f : kKvFormats) {
    if (f->window > 0) formats.push_back(f);
  }
  return formats;
}

DeployConfig config_with(const KvFormat& format) {
  const Target target = demo_target();
  DeployConfig config = exact_config(target);
  config.kv_cache = &format;
  return canonical(config, target);
}

// Text that the demo model knows: golden prompts and their continuations.
std::vector<int> text(int n) {
  std::vector<int> tokens;
  for (const auto& item : golden_items()) {
    for (const char* part : {"ids", "greedy_ids"}) {
      const auto ids = item[part].get<std::vector<int>>();
      tokens.insert(tokens.end(), ids.begin(), ids.end());
    }
  }
  while (static_cast<int>(tokens.size()) < n) {
    tokens.insert(tokens.end(), tokens.begin(), tokens.end());
  }
  tokens.resize(static_cast<std::size_t>(n));
  return tokens;
}

using Rows = std::vector<std::vector<float>>;

Rows all_logits(const DeployConfig& config, const std::vector<int>& tokens) {
  const LoadedModel model = load_model(open_model(kDemo), config);
  Scorer scorer(*model.model, config, *model.pool);
  Rows rows;
  scorer.score(tokens, 0, [&](int, std::span<const float> logits) {
    rows.emplace_back(logits.begin(), logits.end());
  });
  return rows;
}

double mean_divergence(const Rows& exact, const Rows& other) {
  double sum = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) sum += divergence(exact[i], other[i]);
  return sum / static_cast<double>(exact.size());
}

// While all tokens lie in one window, the format is bf16.
TEST(RecentTokensTest, TheFirstWindowIsExact) {
  const auto tokens = text(100);
  const Rows bf16 = all_logits(config_with(kKvBf16), tokens);
  for (const KvFormat* f : formats_with_a_window()) {
    const Rows rows = all_logits(config_with(*f), tokens);
    for (int i = 0; i < 100; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (i < f->window) {
        ASSERT_EQ(rows[at], bf16[at]) << f->name << " " << i;
      } else {
        ASSERT_NE(rows[at], bf16[at]) << f->name << " " << i;
      }
    }
  }
}

// Chunks, threads, pages and attention kernels that split the work otherwise change nothing.
TEST(RecentTokensTest, WhatATokenReadsDependsOnItsPositionAlone) {
  const Target target = demo_target();
  const auto tokens = text(300);
  for (const KvFormat* f : formats_with_a_window()) {
    DeployConfig config = config_with(*f);
    config.attention_kernel.name = "tiled_avx512";
    config = canonical(config, target);
    config.prefill_chunk = 512;
    config.prefill_threads = 1;
    const Rows whole = all_logits(config, tokens);
    for (const int chunk : {1, 16, 50, 64, 150}) {
      for (const int threads : {1, 2}) {
        DeployConfig other = config;
        other.prefill_chunk = chunk;
        other.prefill_threads = std::min(threads, target.machine.cores);
        other.kv_page_tokens = f->window * threads;
        ASSERT_EQ(all_logits(other, tokens), whole) << f->name << " " << chunk << " " << threads;
      }
    }
  }
}

// float64 knows nothing of how kernels walk: see tests/kernels. Here that they agree in the model.
TEST(RecentTokensTest, AttentionKernelsAgree) {
  const Target target = demo_target();
  const auto tokens = text(200);
  for (const KvFormat* f : formats_with_a_window()) {
    DeployConfig config = config_with(*f);
    config.attention_kernel.name = "scalar";
    const Rows right = all_logits(config, tokens);
    for (const auto& kernel : attention_choices(target)) {
      config.attention_kernel = kernel;
      // Rounding may move a number across the border of two codes, so agreement is in distribution.
      EXPECT_LT(mean_divergence(right, all_logits(config, tokens)), 1e-4)
          << f->name << " " << kernel.name;
    }
  }
}

TEST(RecentTokensTest, DivergenceFromFullPrecisionIsSmall) {
  const auto tokens = text(480);
  const Rows exact = all_logits(config_with(kKvF32), tokens);
  std::map<const KvFormat*, double> divergence;
  for (const KvFormat* f : kKvFormats) {
    divergence[f] = mean_divergence(exact, all_logits(config_with(*f), tokens));
    std::printf("mean KL %-12s %.6f\n", std::string(f->name).c_str(), divergence[f]);
  }
  EXPECT_LT(divergence[&kKvInt4Channel], 0.001);
  EXPECT_LT(divergence[&kKvInt4Channel], divergence[&kKvInt4]);
  EXPECT_LT(divergence[&kKvInt2Channel], 0.15);
  EXPECT_LT(divergence[&kKvBf16], divergence[&kKvInt4Channel]);
  EXPECT_LT(divergence[&kKvInt4Channel], divergence[&kKvInt2Channel]);
}

struct Outcome {
  std::map<std::uint64_t, std::vector<int>> tokens;
  std::map<std::uint64_t, std::vector<float>> logprobs;
  bool operator==(const Outcome&) const = default;
};

Outcome run(Engine& engine, const std::vector<Request>& requests) {
  Outcome outcome;
  for (const Request& request : requests) engine.submit(request);
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.step()) {
      outcome.tokens[event.request_id].push_back(event.token);
      outcome.logprobs[event.request_id].push_back(event.logprob);
    }
  }
  return outcome;
}

// Prompts that share their first 150 tokens and end on every side of a window's border.
std::vector<Request> requests(int window) {
  std::mt19937_64 rng(9);
  std::vector<Request> all;
  for (const int more : {1, window - 150 % window, window - 150 % window + 1, 30, window + 7, 90}) {
    Request request{.id = all.size()};
    request.prompt = text(150);
    for (int t = 0; t < more; ++t) request.prompt.push_back(static_cast<int>(rng() % 1500) + 3);
    request.sampling = {.max_tokens = 4 + 20 * static_cast<int>(all.size() % 4),
                        .ignore_eos = true};
    all.push_back(request);
  }
  return all;
}

class WindowEngineTest : public testing::TestWithParam<const KvFormat*> {};
INSTANTIATE_TEST_SUITE_P(Formats, WindowEngineTest, testing::ValuesIn(formats_with_a_window()),
                         [](const auto& i) { return std::string(i.param->name); });

// Alone and together, decoded and prefilled, from shared pages and from none: to the bit.
TEST_P(WindowEngineTest, BatchesChunksAndSharedPrefixesDoNotChangeTheAnswers) {
  const auto all = requests(GetParam()->window);
  DeployConfig one = config_with(*GetParam());
  one.attention_kernel.name = "tiled_avx512";
  one = canonical(one, demo_target());
  const LoadedModel model = load_model(open_model(kDemo), one);
  one.max_batch_size = 1;
  one.prefix_caching = false;
  one.prefill_chunk = 512;
  const Outcome expected = run(*model.engine(one), all);
  // Decoding agrees with what the scorer reads of the whole sequence.
  for (const Request& request : all) {
    std::vector<int> whole = request.prompt;
    const std::vector<int>& answer = expected.tokens.at(request.id);
    whole.insert(whole.end(), answer.begin(), answer.end());
    Scorer scorer(*model.model, one, *model.pool);
    const int first = static_cast<int>(request.prompt.size()) - 1;
    scorer.score(std::span(whole).first(whole.size() - 1), first,
                 [&](int i, std::span<const float> logits) {
                   const auto best = std::ranges::max_element(logits) - logits.begin();
                   EXPECT_EQ(best, answer[static_cast<std::size_t>(i - first)]) << request.id;
                 });
  }
  for (const int chunk : {16, 100}) {
    for (const bool prefix_caching : {false, true}) {
      DeployConfig config = one;
      config.max_batch_size = 4;
      config.prefill_chunk = chunk;
      config.prefix_caching = prefix_caching;
      const auto engine = model.engine(config);
      EXPECT_EQ(run(*engine, all), expected) << chunk << ' ' << prefix_caching;
      if (!prefix_caching) continue;
      EXPECT_EQ(run(*engine, all), expected) << chunk;  // now everything is cached
      const int shared = 150 / config.kv_page_tokens * config.kv_page_tokens;
      EXPECT_GE(engine->stats().prefix_cache_hits, all.size() * static_cast<unsigned>(shared));
    }
  }
}

TEST_P(WindowEngineTest, ASmallCacheEvictsAndLosesNothing) {
  const auto all = requests(GetParam()->window);
  DeployConfig config = config_with(*GetParam());
  const LoadedModel model = load_model(open_model(kDemo), config);
  const Outcome expected = run(*model.engine(config), all);
  config.kv_cache_tokens = 384;
  const auto small = model.engine(config);
  for (int round = 0; round < 3; ++round) EXPECT_EQ(run(*small, all).tokens, expected.tokens);
  EXPECT_EQ(small->stats().kv_cache_usage, 0);
}

// The window is of the sequences that run, and is given back.
TEST_P(WindowEngineTest, MemoryIsPagesAndOneWindowForEachThatRuns) {
  const ModelShape shape = demo_target().model;
  DeployConfig config = config_with(*GetParam());
  config.max_batch_size = 3;
  config.prefix_caching = false;
  const LoadedModel model = load_model(open_model(kDemo), config);
  const auto engine = model.engine(config);
  const auto all = requests(GetParam()->window);
  for (const Request& request : all) engine->submit(request);
  engine->step();
  for (const Request& request : all) engine->cancel(request.id);
  run(*engine, all);
  const std::size_t numbers =
      2 * static_cast<std::size_t>(shape.n_layers * shape.n_kv_heads * shape.head_dim);
  const std::size_t windows = 3 * static_cast<std::size_t>(GetParam()->window) * numbers * 2;
  const std::size_t page = static_cast<std::size_t>(config.kv_page_tokens) * numbers *
                           (GetParam() == &kKvInt4Channel ? 5 : 3) / 8;
  const std::size_t bytes = engine->stats().kv_bytes;
  EXPECT_GT(bytes, windows);
  EXPECT_EQ((bytes - windows) % page, 0u);
  EXPECT_LE((bytes - windows) / page, 3u * 5);  // three sequences of at most five pages
}

TEST(RecentTokensTest, PagesAreWholeWindows) {
  const Target target = demo_target();
  for (const KvFormat* f : formats_with_a_window()) {
    DeployConfig config = config_with(*f);
    config.kv_page_tokens = f->window + 1;
    EXPECT_THROW(check_config(config, target), std::runtime_error);
    EXPECT_EQ(canonical(config, target).kv_page_tokens, 2 * f->window);
    EXPECT_NO_THROW(check_config(canonical(config, target), target));
  }
}

}  // namespace
}  // namespace paretune
