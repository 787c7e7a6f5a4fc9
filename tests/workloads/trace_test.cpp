#include "workloads/trace.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/workloads/expect_error.h"
#include "workloads/random.h"

namespace paretune {
namespace {

constexpr std::string_view kHeader = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
constexpr std::string_view kMooncake =
    R"({"timestamp": 40, "input_length": 600, "output_length": 3, "hash_ids": [7, 8]})";

std::vector<TraceRow> azure(const std::string& rows) {
  return parse_trace(std::string(kHeader) + rows, "t.csv");
}

TEST(AzureTrace, IsReadAsPublished) {
  const std::vector<TraceRow> rows = azure(
      "2023-11-16 23:59:59.9799600,4808,10\r\n"
      "2023-11-17 00:00:01.0000000,3180,8");  // over midnight; the last line has no newline
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], (TraceRow{0, 4808, 10}));
  EXPECT_NEAR(rows[1].arrival_s, 1.02004, 1e-9);
  EXPECT_EQ(rows[1].input_tokens, 3180);
}

TEST(AzureTrace, OfBothYearsAndOfEitherLineEndIsRead) {
  EXPECT_EQ(parse_trace("\xef\xbb\xbfTIMESTAMP,ContextTokens,GeneratedTokens\n"
                        "2024-05-10 00:00:00.009930+00:00,2162,5\n"
                        "2024-05-10 00:00:01,2399,6\n\n",
                        "t.csv")
                .size(),
            2u);
}

TEST(AzureTrace, IsPutInOrderAndZeroTokensAreOne) {
  const std::vector<TraceRow> rows =
      azure("2023-11-16 18:17:05.0,30,0\n2023-11-16 18:17:03.0,20,9\n");
  EXPECT_EQ(rows[0], (TraceRow{0, 20, 9}));
  EXPECT_EQ(rows[1], (TraceRow{2, 30, 1}));
}

TEST(AzureTrace, LeapDaysCount) {
  EXPECT_EQ(azure("2024-02-28 12:00:00,1,1\n2024-03-01 12:00:00,1,1\n")[1].arrival_s, 2 * 86400);
  EXPECT_EQ(azure("2023-02-28 12:00:00,1,1\n2023-03-01 12:00:00,1,1\n")[1].arrival_s, 86400);
  EXPECT_EQ(azure("2023-12-31 12:00:00,1,1\n2024-01-01 12:00:00,1,1\n")[1].arrival_s, 86400);
}

TEST(MooncakeTrace, IsReadAsPublished) {
  const std::vector<TraceRow> rows = parse_trace(
      std::string(kMooncake) + "\n" +
          R"({"timestamp": 1040, "input_length": 5, "output_length": 6, "hash_ids": []})",
      "t.jsonl");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], (TraceRow{0, 600, 3, {7, 8}}));
  EXPECT_EQ(rows[1], (TraceRow{1, 5, 6}));
}

TEST(Traces, BadRowsAreRefusedWithTheirLine) {
  const auto refused = [](const std::string& text, std::vector<std::string> parts) {
    expect_error([&] { parse_trace(text, "t.csv"); }, parts);
  };
  const std::string header(kHeader), good = "2023-11-16 18:17:03.97,5,5\r\n", json(kMooncake);
  refused("", {"t.csv:1", "azure_csv", "mooncake_jsonl"});
  refused("time,tokens\n1,2\n", {"t.csv:1", "time,tokens"});
  refused("TIMESTAMP,GeneratedTokens\n",
          {"t.csv:1", "the header TIMESTAMP,ContextTokens,GeneratedTokens"});
  refused(header, {"t.csv: found no rows"});
  refused(header + good + "2023-11-16 18:17:04,5\n", {"t.csv:3", "three fields"});
  refused(header + good + "2023-11-16 18:17:04,5,5,5\n", {"t.csv:3", "three fields"});
  refused(header + good + "\n" + good, {"t.csv:3", "three fields"});
  refused(header + "2023-11-16 18:17:04,-5,5\n", {"t.csv:2", "\"-5\"", "ContextTokens"});
  refused(header + "2023-11-16 18:17:04,5,5.5\n", {"t.csv:2", "\"5.5\"", "GeneratedTokens"});
  refused(header + "2023-11-16 18:17:04,5,99999999999\n", {"t.csv:2", "from 0 to 10000000"});
  refused(header + "2023-13-16 18:17:04,5,5\n", {"t.csv:2", "a time as"});
  refused(header + "2023-11-16 18-17-04,5,5\n", {"t.csv:2", "a time as"});
  refused(header + "2023-11-16 18:17:04.,5,5\n", {"t.csv:2", "a time as"});
  refused(header + "yesterday,5,5\n", {"t.csv:2", "a time as"});
  refused(json + "\n{\"timestamp\": 1}\n", {"t.csv:2: $.input_length: found nothing"});
  refused(json + "\n{\"timestamp\": 1, \"input_length\": -1, \"output_length\": 1}",
          {"t.csv:2: $.input_length: found -1"});
  refused(json + "\n{\"timestamp\": 1, \"input\": 1}",
          {"t.csv:2: $.input: found an unknown key", "input_length"});
  refused(json + "\n{\"timestamp\": 1", {"t.csv:2: not JSON"});
  refused(json + "\n[]", {"t.csv:2: $: found an array"});
  refused(R"({"timestamp": 0, "input_length": 1, "output_length": 1, "hash_ids": [1.5]})",
          {"t.csv:1: $.hash_ids[0]: found 1.5"});
}

TEST(Traces, MutationsNeverCrash) {
  std::string csv(kHeader), jsonl;
  for (int i = 0; i < 5; ++i) {
    csv += "2023-11-16 18:17:0" + std::to_string(i) + ".9799600,4808,10\r\n";
    jsonl += std::string(kMooncake) + "\n";
  }
  RandomEngine rng(1);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = i % 2 ? csv : jsonl;
    for (int flips = 0; flips < 3; ++flips) text[rng() % text.size()] = char(rng());
    if (i % 3 == 0) text.resize(rng() % text.size());
    try {
      for (const TraceRow& row : parse_trace(text, "t"))
        ASSERT_TRUE(row.input_tokens >= 1 && row.arrival_s >= 0);
    } catch (const std::runtime_error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Traces, PublishedSamplesAreRead) {
  const std::filesystem::path folder = "../shared/traces";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "skipped: ../shared/traces is not here";
  const std::vector<TraceRow> code =
      load_trace(folder / "azure-llm-2023/AzureLLMInferenceTrace_code.csv");
  ASSERT_EQ(code.size(), 8819u);
  EXPECT_EQ(code[0].input_tokens, 4808);
  EXPECT_EQ(code.back().output_tokens, 173);
  EXPECT_NEAR(code.back().arrival_s, 57 * 60 + 15.948056,
              1e-6);  // 18:17:03.97996 to 19:14:19.928016

  const std::vector<TraceRow> mooncake =
      load_trace(folder / "mooncake-fast25/synthetic_trace.jsonl");
  ASSERT_EQ(mooncake.size(), 3993u);
  EXPECT_EQ(mooncake[0].prefix_blocks.size(), 79u);
  EXPECT_EQ(mooncake.back().arrival_s, 1022.025);
  for (const TraceRow& row : mooncake)  // a block for every 512 tokens begun
    ASSERT_EQ(row.prefix_blocks.size(),
              std::size_t((row.input_tokens + 511) / kMooncakeBlockTokens));
}

TEST(Traces, AMissingFileIsNamed) {
  expect_error([] { load_trace("no/such/trace.csv"); },
               {"no/such/trace.csv: cannot be read", "No such file"});
  expect_error([] { load_trace("workloads"); }, {"workloads: found a folder"});
}

}  // namespace
}  // namespace paretune
