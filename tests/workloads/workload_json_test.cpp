#include "workloads/workload_json.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/workloads/bad_specs.h"
#include "tests/workloads/expect_error.h"
#include "tests/workloads/mini_schema.h"
#include "workloads/requests.h"

namespace paretune {
namespace {

using nlohmann::json;

constexpr const char* kPresets[] = {"workloads/chat.json",
                                    "workloads/rag.json",
                                    "workloads/code_completion.json",
                                    "workloads/classification.json",
                                    "workloads/batch_summarization.json",
                                    "workloads/demo/chat.json"};

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in) << file;
  return text.str();
}

MiniSchema schema() { return MiniSchema(json::parse(content("workloads/workload.schema.json"))); }

// kGoodSpec with one member replaced, added or removed.
json broken(const BadSpec& bad) {
  json spec = json::parse(kGoodSpec);
  const json::json_pointer pointer{std::string(bad.pointer)};
  if (bad.value.empty()) {
    spec.at(pointer.parent_pointer()).erase(pointer.back());
  } else {
    spec[pointer] = json::parse(bad.value);
  }
  return spec;
}

TEST(WorkloadJson, GoodSpecIsReadToTheLastKey) {
  const Workload w = parse_workload(kGoodSpec, "folder/w.json");
  EXPECT_EQ(w.name, "good");
  EXPECT_EQ(w.model_path, "folder/m.gguf");
  ASSERT_EQ(w.traffic.size(), 2u);
  EXPECT_EQ(
      w.traffic[0].input_seq_len,
      (LengthSpec{.law = &kGaussianLength, .value = 100, .std_dev = 20, .min = 10, .max = 200}));
  EXPECT_EQ(w.traffic[0].output_seq_len, (LengthSpec{.law = &kUniformLength, .min = 4, .max = 8}));
  EXPECT_EQ(w.traffic[0].prefix, (TrafficClass::Prefix{16, 2}));
  EXPECT_EQ(w.traffic[1].input_seq_len,
            (LengthSpec{.law = &kEmpiricalLength, .values = {8, 16}, .weights = {1, 2}}));
  EXPECT_EQ(w.traffic[1].output_seq_len, (LengthSpec{.value = 16}));
  EXPECT_EQ(w.arrival, (ArrivalSpec{.process = &kGamma, .rate_qps = 4, .burstiness = 0.5}));
  EXPECT_EQ(w.slo, (Slo{{{&kTtft, kPercentiles[0], 100},
                         {&kTtft, kPercentiles[3], 500},
                         {&kItl, kPercentiles[2], 50}},
                        0.9}));
  ASSERT_EQ(w.quality.evals.size(), 1u);
  EXPECT_EQ(w.quality.evals[0],
            (EvalSpec{.path = "e.jsonl", .file = "folder/e.jsonl", .name = "e", .max_items = 5}));
  EXPECT_EQ(w.quality.text[0].file, "folder/t.txt");
  EXPECT_EQ(w.quality.floors.max_kl_divergence, 0.1);
  EXPECT_EQ(w.quality.floors.capabilities.at("sums").min_accuracy, 0.5);
  EXPECT_EQ(w.cost, (CostSpec{0.1, "a list", "2026-01-31"}));
  EXPECT_EQ(w.budget, (BudgetSpec{2, 10}));
  EXPECT_EQ(w.objective, (LatencyObjective{&kItl, kPercentiles[2]}));
  EXPECT_EQ(w.space.at("prefill_chunk"), (std::vector<std::string>{"64", "128"}));
  EXPECT_EQ(w.num_requests, 32);
  EXPECT_EQ(w.warmup_requests, 2);
  EXPECT_EQ(w.seed, 7u);
}

TEST(WorkloadJson, EachBadSpecIsRefusedWithPathFoundAndAllowed) {
  for (const BadSpec& bad : kBadSpecs) {
    SCOPED_TRACE(std::string(bad.pointer) + " = " + std::string(bad.value));
    const std::string place = "w.json: " + std::string(bad.path) + ": found ";
    expect_error([&] { parse_workload(broken(bad).dump(), "w.json"); },
                 {place, std::string(bad.found), "allowed: ", std::string(bad.allowed)});
  }
}

TEST(WorkloadJson, BadSyntaxIsRefusedWithLineAndColumn) {
  const auto refused = [](const std::string& text, std::vector<std::string> parts) {
    expect_error([&] { parse_workload(text, "w.json"); }, parts);
  };
  refused("", {"w.json: not JSON", "line 1, column 1"});
  refused("{\n  \"name\": chat}", {"w.json: not JSON", "line 2, column 11"});
  refused("{\"num_requests\": NaN}", {"w.json: not JSON", "line 1"});
  refused("{\"num_requests\": 1e999}", {"w.json: not JSON", "1e999"});
  refused("{\"name\": \"\xff\"}", {"w.json: not JSON", "UTF-8"});
  refused("{} {}", {"w.json: not JSON", "line 1, column 4"});
  refused("[]", {"w.json: $: found an array of 0, allowed: an object with name, "});
  refused("{\"name\": \"a\", \"name\": \"b\"}", {"w.json: found the key \"name\" twice"});
  refused(std::string(100'000, '['), {"w.json: found more than 32 levels"});
  refused(std::string(17 << 20, ' '), {"w.json: found 17825792 bytes, allowed: at most 16777216"});
}

TEST(WorkloadJson, LongAndOddValuesAreShownShortAndQuoted) {
  json spec = json::parse(kGoodSpec);
  spec["arrival"]["process"] = std::string(99, 'x') + "\n";
  expect_error([&] { parse_workload(spec.dump(), "w.json"); },
               {std::string(79, 'x') + "…, allowed"});
  spec = json::parse(kGoodSpec);
  spec["space"]["a b\n"] = 5;
  expect_error([&] { parse_workload(spec.dump(), "w.json"); }, {"$.space[\"a b\\n\"]: found 5"});
}

TEST(WorkloadJson, OpenLoopNeedsARateOrAnSlo) {
  json spec = json::parse(kGoodSpec);
  spec["arrival"].erase("rate_qps");
  EXPECT_FALSE(parse_workload(spec.dump(), "w.json").arrival.rate_qps);
  spec.erase("slo");
  expect_error([&] { parse_workload(spec.dump(), "w.json"); },
               {"$.arrival.rate_qps: found nothing", "slo"});
}

TEST(WorkloadJson, NoTimeBetweenTokensWhereThereIsOneToken) {
  json spec = json::parse(kGoodSpec);
  for (json& traffic : spec["traffic"]) traffic.erase("osl"), traffic["output_seq_len"] = 1;
  expect_error([&] { parse_workload(spec.dump(), "w.json"); },
               {"$.slo.itl_ms", "ttft_ms or e2e_latency_ms"});
  spec["slo"].erase("itl_ms");
  expect_error([&] { parse_workload(spec.dump(), "w.json"); },
               {"$.objective.latency_metric", "ttft_ms"});
}

TEST(WorkloadJson, LatencyOfTheFrontIsTheFirstBoundByDefault) {
  json spec = json::parse(kGoodSpec);
  spec.erase("objective");
  EXPECT_EQ(parse_workload(spec.dump(), "w.json").objective,
            (LatencyObjective{&kTtft, kPercentiles[0]}));
  spec.erase("slo");
  EXPECT_EQ(parse_workload(spec.dump(), "w.json").objective,
            (LatencyObjective{&kE2e, kPercentiles[2]}));
}

TEST(WorkloadJson, AliasesMeanTheSame) {
  json plain = json::parse(kGoodSpec), aliased = plain;
  plain["slo"]["ttft_ms"]["p99.9"] = 900;
  aliased["slo"]["ttft_ms"]["p99p9"] = 900;
  const auto rename = [](json& object, const char* from, const char* to) {
    object[to] = object[from];
    object.erase(from);
  };
  rename(aliased["traffic"][0], "isl", "prompt_tokens");
  rename(aliased["traffic"][0], "osl", "output_tokens");
  rename(aliased["traffic"][0]["prompt_tokens"], "value", "mean");
  rename(aliased["arrival"], "rate_qps", "request_rate");
  aliased["quality"]["evals"][0].erase("max_items");
  plain["quality"]["evals"][0] = "e.jsonl";
  aliased["traffic"][1]["output_seq_len"] = {{"distribution", "fixed"}, {"value", 16}};
  const Workload a = parse_workload(plain.dump(), "w.json"),
                 b = parse_workload(aliased.dump(), "w.json");
  EXPECT_EQ(a, b);
  EXPECT_EQ(canonical_json(a), canonical_json(b));
}

TEST(CanonicalJson, IsReadBackAsTheSameAndWrittenTheSame) {
  std::vector<Workload> workloads{parse_workload(kGoodSpec, "folder/w.json")};
  for (const char* preset : kPresets) workloads.push_back(load_workload(preset));
  json spec = json::parse(kGoodSpec);
  spec.erase("traffic");
  spec["arrival"] = {{"process", "trace"},
                     {"path", "t.csv"},
                     {"format", "azure_csv"},
                     {"speedup", 2},
                     {"clip", {{"isl", 100}}}};
  workloads.push_back(parse_workload(spec.dump(), "w.json"));
  for (const Workload& w : workloads) {
    const std::string canonical = canonical_json(w);
    const Workload again = parse_workload(canonical, w.file);
    EXPECT_EQ(again, w) << canonical;
    EXPECT_EQ(canonical_json(again), canonical);
    EXPECT_EQ(canonical.find('\n'), std::string::npos);
    EXPECT_TRUE(schema().valid(json::parse(canonical))) << canonical;
  }
}

TEST(CanonicalJson, PartsChangeWithWhatTheirMeasurementsRead) {
  Workload w = parse_workload(kGoodSpec, "w.json");
  const std::string speed = canonical_speed_json(w), quality = canonical_quality_json(w);
  w.budget.minutes = 99;
  w.cost.usd_per_hour = 99;
  w.quality.floors.max_drop = 0.5;
  EXPECT_EQ(canonical_speed_json(w), speed);
  EXPECT_EQ(canonical_quality_json(w), quality);
  w.quality.max_text_tokens = 99;
  EXPECT_EQ(canonical_speed_json(w), speed);
  EXPECT_NE(canonical_quality_json(w), quality);
  w.traffic[0].output_seq_len.max = 9;
  EXPECT_NE(canonical_speed_json(w), speed);
}

TEST(Presets, FitTheDemoModelAndHaveEnoughRequestsForTheirPercentiles) {
  constexpr int kDemoContext = 512;
  for (const char* preset : kPresets) {
    SCOPED_TRACE(preset);
    const Workload w = load_workload(preset);
    EXPECT_EQ(w.model_path, "workloads/demo/demo.gguf");
    EXPECT_TRUE(std::filesystem::exists(w.model_path));
    for (const TrafficClass& traffic : w.traffic)
      EXPECT_LE(longest(traffic.input_seq_len) + longest(traffic.output_seq_len), kDemoContext);
    for (const SloBound& bound : w.slo.bounds)
      EXPECT_GE(w.num_requests, samples_needed(bound.percentile.percent));
    for (const EvalSpec& eval : w.quality.evals)
      EXPECT_TRUE(std::filesystem::exists(eval.file)) << eval.file;
    for (const TextSpec& text : w.quality.text)
      EXPECT_TRUE(std::filesystem::exists(text.file)) << text.file;
    EXPECT_EQ(make_requests(w, w.seed, 10).size(), 10u);
  }
}

TEST(Schema, KnowsTheKeysThatTheParserKnows) {
  const std::vector<std::string> keys = workload_keys();
  EXPECT_EQ(schema().keys(), std::set<std::string>(keys.begin(), keys.end()));
  EXPECT_GT(keys.size(), 80u);
}

TEST(Schema, AcceptsThePresetsAndTheGoodSpec) {
  EXPECT_TRUE(schema().valid(json::parse(kGoodSpec)));
  for (const char* preset : kPresets)
    EXPECT_TRUE(schema().valid(json::parse(content(preset)))) << preset;
}

TEST(Schema, RefusesTheBadSpecsThatItCanSee) {
  for (const BadSpec& bad : kBadSpecs)
    EXPECT_EQ(schema().valid(broken(bad)), !bad.schema_sees) << bad.pointer << " = " << bad.value;
}

TEST(WorkloadJson, MutatedPresetsAreReadOrRefusedByName) {
  RandomEngine rng(1);
  int refused = 0, accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = content(kPresets[i % std::size(kPresets)]);
    const int flips = 1 + int(rng() % 4);
    for (int f = 0; f < flips; ++f) {
      char& c = text[rng() % text.size()];
      c = i % 2 ? char(c ^ (1 << rng() % 8)) : "{}[]\",:-0123456789.eE"[rng() % 21];
    }
    if (i % 10 == 0) text.resize(rng() % text.size());
    try {
      const Workload w = parse_workload(text, "w.json");
      for (const RequestSpec& r : make_requests(w, w.seed, 3))
        ASSERT_TRUE(r.input_tokens >= 1 && r.output_tokens >= 1);
      ASSERT_EQ(parse_workload(canonical_json(w), "w.json"), w);
      ++accepted;
    } catch (const std::runtime_error& error) {
      ASSERT_EQ(std::string(error.what()).find("w.json: "), 0u) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(accepted, 100);
}

TEST(LoadWorkload, ReadsAndClipsItsTrace) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "paretune_workload_json_test";
  std::filesystem::create_directories(folder);
  json spec = json::parse(kGoodSpec);
  spec.erase("traffic");
  spec["arrival"] = {
      {"process", "trace"}, {"path", "t.csv"}, {"clip", {{"isl", 400}, {"output_seq_len", 9}}}};
  std::ofstream(folder / "t.csv")
      << "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,4808,10\n"
         "2023-11-16 18:17:04,318,8\n";
  std::ofstream(folder / "w.json") << spec;
  const Workload w = load_workload(folder / "w.json");
  EXPECT_EQ(w.trace, (std::vector<TraceRow>{{0, 400, 9}, {1, 318, 8}}));
  EXPECT_EQ(make_requests(w, w.seed, 3)[1].input_tokens, 318);
  std::filesystem::remove(folder / "t.csv");
  expect_error([&] { load_workload(folder / "w.json"); }, {"t.csv: cannot be read"});
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace paretune
