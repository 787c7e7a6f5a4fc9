#include "runtime/server/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

namespace paretune {
namespace {

// Sample name with labels -> value; fails on a line that is not of the text format.
std::map<std::string, double> parse(const std::string& text) {
  static const std::regex comment(R"(# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+)");
  static const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*\{([a-z_]+="([^"\\]|\\.)*",?)*\}) ([-+.0-9e]+))re");
  std::map<std::string, double> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, sample)) {
      EXPECT_TRUE(samples.emplace(match[1], std::stod(match[4])).second) << "twice: " << line;
    } else {
      EXPECT_TRUE(std::regex_match(line, comment)) << line;
    }
  }
  return samples;
}

TEST(Metrics, HaveVllmsNamesAndTheirValues) {
  ServerMetrics metrics;
  metrics.prompt_tokens = 7;
  metrics.ended = {.stop = 1, .length = 2, .abort = 3, .error = 4};
  const EngineStats stats{.running = 2,
                          .waiting = 3,
                          .kv_cache_usage = 0.25,
                          .prefix_cache_queries = 50,
                          .prefix_cache_hits = 20,
                          .generated_tokens = 9};
  const auto samples = parse(prometheus_text(metrics, stats, "demo"));
  const auto value = [&](const std::string& name, const std::string& label = "") {
    return samples.at("vllm:" + name + "{model_name=\"demo\"" + label + "}");
  };
  EXPECT_EQ(value("num_requests_running"), 2);
  EXPECT_EQ(value("num_requests_waiting"), 3);
  EXPECT_EQ(value("kv_cache_usage_perc"), 0.25);
  EXPECT_EQ(value("prompt_tokens_total"), 7);
  EXPECT_EQ(value("generation_tokens_total"), 9);
  EXPECT_EQ(value("prefix_cache_queries_total"), 50);
  EXPECT_EQ(value("prefix_cache_hits_total"), 20);
  EXPECT_EQ(value("request_success_total", ",finished_reason=\"length\""), 2);
  EXPECT_EQ(value("request_success_total", ",finished_reason=\"error\""), 4);
}

TEST(Metrics, HistogramsAreCumulativeAndBoundsInclusive) {
  ServerMetrics metrics;
  for (const double value : {1.0, 1.5, 1e9}) metrics.request_prompt_tokens.observe(value);
  const auto samples = parse(prometheus_text(metrics, {}, "demo"));
  const auto bucket = [&](const std::string& bound) {
    return samples.at("vllm:request_prompt_tokens_bucket{model_name=\"demo\",le=\"" + bound +
                      "\"}");
  };
  EXPECT_EQ(bucket("1"), 1);
  EXPECT_EQ(bucket("2"), 2);
  EXPECT_EQ(bucket("100000"), 2) << "also: not written as 1e+05";
  EXPECT_EQ(bucket("+Inf"), 3);
  EXPECT_EQ(samples.at("vllm:request_prompt_tokens_count{model_name=\"demo\"}"), 3);
  EXPECT_EQ(samples.at("vllm:request_prompt_tokens_sum{model_name=\"demo\"}"), 1e9 + 2.5);
}

TEST(Metrics, BoundsAscend) {
  EXPECT_TRUE(std::ranges::is_sorted(kTtftBounds));
  EXPECT_TRUE(std::ranges::is_sorted(kItlBounds));
  EXPECT_TRUE(std::ranges::is_sorted(kE2eBounds));
  EXPECT_TRUE(std::ranges::is_sorted(kTokenBounds));
}

TEST(Metrics, EscapesTheModelsName) {
  const auto samples = parse(prometheus_text({}, {}, "a\"b\\c\nd"));
  EXPECT_TRUE(samples.contains(R"(vllm:num_requests_running{model_name="a\"b\\c\nd"})"));
}

}  // namespace
}  // namespace paretune
