#include "runtime/engine/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "runtime/deployment.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

// Largest error of the golden top logits, relative to the largest of them.
double golden_error(const LoadedModel& model, const DeployConfig& config) {
  double worst = 0;
  for (const auto& item : golden_items()) {
    const std::vector<float> logits = last_logits(model, config, item["ids"]);
    const auto ids = item["top_ids"].get<std::vector<int>>();
    const auto values = item["top_logits"].get<std::vector<double>>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      worst = std::max(worst,
                       std::abs(logits[static_cast<std::size_t>(ids[i])] - values[i]) / values[0]);
    }
  }
  return worst;
}

TEST(ModelTest, GoldenLogitsInF32) {
  const DeployConfig config = exact_config(demo_target());
  const LoadedModel model = load_model(open_model(kDemo), config);
  EXPECT_LT(golden_error(model, config), 1e-4);  // asked for: 1e-3
}

TEST(ModelTest, Bf16WeightsAreExactForABf16File) {
  DeployConfig config = exact_config(demo_target());
  config.weights = Policy();
  const LoadedModel model = load_model(open_model(kDemo), config);
  EXPECT_LT(golden_error(model, config), 1e-4);
}

// bf16 keeps 8 bits: each rounding moves a value by at most 2^-9 of it; over 8 layers of a few
// roundings each the logits stay within some percent.
TEST(ModelTest, Bf16ActivationsAndCacheStayClose) {
  DeployConfig config = default_config(demo_target());
  config.activations.name = "bf16";
  const LoadedModel model = load_model(open_model(kDemo), config);
  EXPECT_LT(golden_error(model, config), 0.04);
}

TEST(ModelTest, GreedyContinuationsAreGolden) {
  const DeployConfig config = exact_config(demo_target());
  const LoadedModel model = load_model(open_model(kDemo), config);
  const auto engine = model.engine(config);
  for (const auto& item : golden_items()) {
    const auto expected = item["greedy_ids"].get<std::vector<int>>();
    EXPECT_EQ(greedy(*engine, item["ids"], static_cast<int>(expected.size())), expected)
        << item["prompt"];
  }
}

// Beyond 256 positions the threads share each head's keys in spans.
TEST(ModelTest, SplitAttentionDoesNotDependOnThreads) {
  Target target = demo_target();
  target.machine.cores = 2;  // or one, by turns
  const auto ids = golden_prompt(4);
  std::vector<int> prompt;
  while (prompt.size() < 300) prompt.insert(prompt.end(), ids.begin(), ids.end());
  prompt.resize(300);
  std::vector<float> logprobs[2];
  for (const int threads : {1, 2}) {
    DeployConfig config = exact_config(target);
    config.attention_kernel.name = "split_avx512";
    config.prefill_threads = config.decode_threads = threads;
    config = canonical(config, target);
    const LoadedModel model = load_model(open_model(kDemo), config);
    const auto engine = model.engine(config);
    engine->submit({.id = 1, .prompt = prompt, .sampling = {.max_tokens = 12, .ignore_eos = true}});
    while (!engine->idle()) {
      for (const TokenEvent& event : engine->step()) logprobs[threads - 1].push_back(event.logprob);
    }
  }
  EXPECT_EQ(logprobs[0].size(), 12u);
  EXPECT_EQ(logprobs[0], logprobs[1]);
}

// Each thread with tokens of its own, or all with all: the same bits, whatever the step holds.
TEST(ModelTest, RowShardingKeepsEveryBit) {
  Target target = demo_target();
  target.machine.cores = 2;  // or one, by turns
  DeployConfig exact = exact_config(target);
  exact.prefill_threads = exact.decode_threads = 2;
  exact.prefill_chunk = 48;  // cuts prompts, and what is left of them rides with decodes
  DeployConfig int8 = exact;
  int8.weights =
      parse_policy("all=int8,down@1=int4_g32:rank4,qkv@2=int4_g32:rank2:outliers2", "test");
  int8.activations.name = "int8";
  int8.kv_cache = &kKvInt8;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("paretune-shards-" + std::to_string(getpid()));
  PackCache packs(folder, 1 << 30);  // weights are compressed once
  for (const DeployConfig& base : {exact, int8}) {
    std::map<std::uint64_t, std::vector<float>> logprobs[4];
    const int from[] = {0, 1, 7, 40};
    for (int i = 0; i < 4; ++i) {
      DeployConfig config = base;
      config.shard_rows_from = from[i];
      config = canonical(config, target);
      ASSERT_EQ(config.shard_rows_from, from[i]);
      const LoadedModel model = load_model(open_model(kDemo), config, {}, &packs);
      const auto engine = model.engine(config);
      for (std::uint64_t id = 0; id < 5; ++id) {
        std::vector<int> prompt = golden_prompt(id);
        prompt.resize(prompt.size() - id % 3);
        engine->submit(
            {.id = id, .prompt = prompt, .sampling = {.max_tokens = 9, .ignore_eos = true}});
      }
      while (!engine->idle()) {
        for (const TokenEvent& event : engine->step())
          logprobs[i][event.request_id].push_back(event.logprob);
      }
    }
    ASSERT_EQ(logprobs[0].size(), 5u);
    for (int i = 1; i < 4; ++i) EXPECT_EQ(logprobs[i], logprobs[0]) << from[i];
  }
  std::filesystem::remove_all(folder);
}

// DESIGN section 2: what a knob promises about the logits, over every choice of every knob.
TEST(ModelTest, KnobsKeepTheirPromises) {
  const Target target = demo_target();
  DeployConfig base = exact_config(target);
  base.prefill_threads = base.decode_threads = target.machine.cores;
  const LoadedModel base_model = load_model(open_model(kDemo), base);
  const auto prompt = golden_prompt(4);
  const std::vector<float> expected = last_logits(base_model, base, prompt);
  const float largest = *std::ranges::max_element(expected);

  for_each_knob([&](const auto& knob) {
    if (knob.effect == Effect::quality) return;
    for (const auto& choice : knob.choices(target)) {
      DeployConfig config = base;
      config.*knob.field = choice;
      config = canonical(config, target);
      const LoadedModel model = load_model(open_model(kDemo), config);
      const std::vector<float> logits = last_logits(model, config, prompt);
      for (std::size_t i = 0; i < logits.size(); ++i) {
        if (knob.effect == Effect::exact) {
          ASSERT_EQ(logits[i], expected[i]) << knob.name << " = " << knob_text(config, knob.name);
        } else {
          ASSERT_NEAR(logits[i], expected[i], 1e-4 * largest)
              << knob.name << " = " << knob_text(config, knob.name);
        }
      }
    }
  });
}

// Every format runs, alone and mixed, and is as far from full precision as its bits say.
TEST(ModelTest, QuantizedWeightsDegradeInOrder) {
  const Target target = demo_target();
  double last = 0;
  for (const WeightFormat* format : {&kF32, &kInt8, &kInt4G32}) {
    DeployConfig config = exact_config(target);
    config.weights = uniform_policy(kAllKinds, {format}, {format});
    const LoadedModel model = load_model(open_model(kDemo), config);
    const double error = golden_error(model, config);
    EXPECT_GE(error, last) << format->name;
    EXPECT_LT(error, 0.5) << format->name;
    last = error;
  }
}

// float64 logits of real models that others trained: GGUF with SentencePiece, and a Hugging Face
// folder.
TEST(ModelTest, OtherPeoplesModelsMatchFloat64) {
  struct Case {
    const char* model;
    const char* golden;
  };
  for (const Case& c : {Case{"../shared/models/stories260K/stories260K_vespa_tinyllm.gguf",
                             "../shared/golden/llama-fp64/stories260K"},
                        Case{"../shared/models/tinystories-656k",
                             "../shared/golden/llama-fp64/tinystories-656k"}}) {
    if (!std::filesystem::exists(c.model)) GTEST_SKIP() << "skipped: " << c.model << " is not here";
    std::unique_ptr<ModelSource> source = open_model(c.model);
    const DeployConfig config = exact_config({this_machine(), source->shape()});
    const auto vocab = static_cast<std::size_t>(source->shape().vocab_size);
    const LoadedModel model = load_model(std::move(source), config);
    std::ifstream file(std::string(c.golden) + ".json");
    const auto golden = nlohmann::json::parse(file);
    const auto engine = model.engine(config);
    for (const auto& prompt : golden["prompts"]) {
      const auto ids = prompt["ids"].get<std::vector<int>>();
      std::ifstream rows(
          std::filesystem::path(c.golden).parent_path() / prompt["logits_file"].get<std::string>(),
          std::ios::binary);
      std::vector<float> expected(ids.size() * vocab);
      rows.read(reinterpret_cast<char*>(expected.data()),
                static_cast<std::streamsize>(expected.size() * sizeof(float)));
      ASSERT_TRUE(rows);
      Scorer scorer(*model.model, config, *model.pool);
      scorer.score(ids, 0, [&](int i, std::span<const float> logits) {
        const auto row = std::span(expected).subspan(static_cast<std::size_t>(i) * vocab, vocab);
        float largest = 0;
        for (const float x : row) largest = std::max(largest, std::abs(x));
        for (std::size_t t = 0; t < vocab; ++t)
          ASSERT_NEAR(logits[t], row[t], 1e-4 * largest) << c.model << " position " << i;
      });
      const auto continuation = prompt["greedy48"].get<std::vector<int>>();
      engine->submit({.id = 1, .prompt = ids, .sampling = {.max_tokens = 48, .ignore_eos = true}});
      std::vector<int> tokens;
      while (!engine->idle()) {
        for (const TokenEvent& event : engine->step()) tokens.push_back(event.token);
      }
      EXPECT_EQ(tokens, continuation) << c.model;
    }
  }
}

}  // namespace
}  // namespace paretune
