#include <gtest/gtest.h>

#include <set>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/report.h"
#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

using Record = std::vector<std::string>;

// RFC 4180, strictly: CRLF between records, quotes doubled.
std::vector<Record> parse_csv(std::string_view text) {
  std::vector<Record> records;
  Record record(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      record.back() += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      record.back() += c;
    } else if (c == ',') {
      record.emplace_back();
    } else if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
      records.push_back(std::move(record));
      record.assign(1, "");
    } else {
      record.back() += c;
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_EQ(record, Record{""}) << "the last line ends with CRLF";
  return records;
}

std::string field(const std::vector<Record>& csv, std::size_t row, std::string_view column) {
  for (std::size_t i = 0; i < csv[0].size(); ++i) {
    if (csv[0][i] == column) return csv[row][i];
  }
  ADD_FAILURE() << "no column " << column;
  return "";
}

TEST(Csv, HasOneFieldPerColumnAndNoColumnTwice) {
  for (const auto& [name, study] : sample_studies()) {
    for (const std::string& text : {front_csv(study), trials_csv(study)}) {
      const auto csv = parse_csv(text);
      ASSERT_FALSE(csv.empty());
      EXPECT_EQ(std::set<std::string>(csv[0].begin(), csv[0].end()).size(), csv[0].size()) << name;
      for (const Record& record : csv) EXPECT_EQ(record.size(), csv[0].size()) << name;
    }
    EXPECT_EQ(parse_csv(front_csv(study)).size(), study.front.size() + 1) << name;
    EXPECT_EQ(parse_csv(trials_csv(study)).size(), study.trials.size() + 1) << name;
  }
}

TEST(Csv, HasEveryKnobAndExactObjectives) {
  const Study study = sample_study();
  const auto csv = parse_csv(trials_csv(study));
  for (const std::string& knob : knob_names()) EXPECT_NE(field(csv, 1, knob), "") << knob;
  EXPECT_EQ(field(csv, 3, "weights"), "all=int8");
  EXPECT_EQ(field(csv, 3, "picks"), "recommended; knee");
  EXPECT_EQ(field(csv, 3, "usd_per_million_output_tokens"), "0.42");
  EXPECT_EQ(field(csv, 3, "latency_ms"), "153");
  EXPECT_EQ(field(csv, 3, "kl_divergence"), "0.0032");
  EXPECT_EQ(field(csv, 3, "ttft_ms_samples"), "80");
}

TEST(Csv, LeavesPercentilesEmptyThatTheSamplesDoNotCarry) {
  const auto csv = parse_csv(trials_csv(sample_study()));
  EXPECT_EQ(field(csv, 1, "ttft_ms_p95"), "212");
  EXPECT_EQ(field(csv, 1, "e2e_latency_ms_p99.9"), "");
}

TEST(Csv, FailedTrialsHaveTheirDetailAndNoNumbers) {
  const auto csv = parse_csv(trials_csv(sample_study()));
  EXPECT_EQ(field(csv, 12, "outcome"), outcome_name(Outcome::out_of_memory));
  EXPECT_TRUE(field(csv, 12, "detail").starts_with("'=test: wanted 9 GiB, \"8\""));
  EXPECT_EQ(field(csv, 12, "usd_per_million_output_tokens"), "");
}

}  // namespace
}  // namespace paretune
