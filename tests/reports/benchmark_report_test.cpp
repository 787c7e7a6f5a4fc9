#include "reports/benchmark_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/optimizer/kept_study.h"

namespace paretune {
namespace {

using nlohmann::json;

std::set<std::string> keys(const json& object) {
  std::set<std::string> out;
  for (const auto& [key, value] : object.items()) out.insert(key);
  return out;
}

// The names that schema_v0_2.py knows where it forbids others, and the ones that it requires.
TEST(BenchmarkReport, HasTheKeysOfTheFormat) {
  for (const auto& [name, study] : kept_studies()) {
    for (const Trial& trial : study.trials) {
      if (trial.measurement.outcome != Outcome::ok) continue;
      const json report = json::parse(benchmark_report(study, trial));
      EXPECT_EQ(keys(report), (std::set<std::string>{"version", "run", "scenario", "results"}));
      EXPECT_EQ(report["version"], "0.2");
      EXPECT_EQ(keys(report["run"]),
                (std::set<std::string>{"uid", "eid", "cid", "time", "description", "keywords"}));
      const json& engine = report["scenario"]["stack"][0];
      EXPECT_EQ(keys(engine), (std::set<std::string>{"metadata", "standardized", "native"}));
      EXPECT_EQ(keys(engine["standardized"]),
                (std::set<std::string>{"kind", "tool", "tool_version", "role", "replicas", "model",
                                       "accelerator"}));
      const json& load = report["scenario"]["load"]["standardized"];
      EXPECT_EQ(load["source"], "random");
      EXPECT_EQ(load["input_seq_len"]["distribution"], "other") << "log-normal";
      EXPECT_EQ(load["input_seq_len"]["value"], 80);
      EXPECT_GT(load["rate_qps"], 0);
      EXPECT_FALSE(load.contains("concurrency"));
      EXPECT_EQ(keys(report["results"]),
                (std::set<std::string>{"request_performance", "profiling"}));
      const json& aggregate = report["results"]["request_performance"]["aggregate"];
      EXPECT_EQ(keys(aggregate), (std::set<std::string>{"requests", "latency", "throughput"}));
      EXPECT_EQ(keys(aggregate["latency"]),
                (std::set<std::string>{"time_to_first_token", "time_per_output_token",
                                       "inter_token_latency", "request_latency"}));
      EXPECT_EQ(aggregate["latency"]["time_per_output_token"]["units"], "ms/token");
      EXPECT_TRUE(aggregate["latency"]["time_to_first_token"].contains("p95"));
      EXPECT_FALSE(aggregate["latency"]["time_to_first_token"].contains("p99")) << "80 samples";
      EXPECT_EQ(aggregate["throughput"]["request_rate"]["units"], "queries/s");
    }
  }
}

TEST(BenchmarkReport, EveryTrialHasAnIdOfItsOwnAndOneOfTheStudy) {
  const Study study = kept_study();
  const json a = json::parse(benchmark_report(study, study.trials[0]));
  const json b = json::parse(benchmark_report(study, study.trials[1]));
  EXPECT_NE(a["run"]["uid"], b["run"]["uid"]);
  EXPECT_EQ(a["run"]["eid"], b["run"]["eid"]);
  EXPECT_EQ(
      b["results"]["profiling"]["paretune"]["objectives"]["usd_per_million_output_tokens"]["value"],
      0.83);
}

}  // namespace
}  // namespace paretune
