#include "reports/comparison.h"

#include <gtest/gtest.h>

#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

const Row* find_row(const Table& table, const std::string& name) {
  for (const Row& row : table.rows) {
    if (row.cells[0].text == name) return &row;
  }
  return nullptr;
}

TEST(Comparison, KnobsThatDifferAndNoOthers) {
  const Study study = sample_study();
  const Compared a{study, study.trials[1], "trial 1"}, b{study, study.trials[5], "trial 5"};
  const Table table = knob_comparison(a, b);
  ASSERT_EQ(table.rows.size(), 2u);
  ASSERT_TRUE(find_row(table, "decode_threads"));
  EXPECT_EQ(find_row(table, "decode_threads")->cells[1].text, "1");
  EXPECT_EQ(find_row(table, "decode_threads")->cells[2].text, "2");
  EXPECT_TRUE(knob_comparison(a, a).rows.empty());
}

TEST(Comparison, IntervalsAreApartOrOverlap) {
  const Study study = sample_study();
  const Compared a{study, study.trials[0], "A"}, b{study, study.trials[2], "B"};
  const Table table = metric_comparison(a, b);
  const Row* cost = find_row(table, "cost, $/M output tokens");
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->cells[1].text, "1.25");
  EXPECT_EQ(cost->cells[1].note, "1.2 to 1.31");
  EXPECT_EQ(cost->cells[3].text, "0.336");
  EXPECT_EQ(cost->cells[4].text, "apart");
  EXPECT_EQ(find_row(table, "accuracy")->cells[4].text, "overlap");
  // p99 of 80 samples is not told, and nothing is told twice.
  EXPECT_TRUE(find_row(table, "TTFT p95, ms"));
  EXPECT_FALSE(find_row(table, "TTFT p99, ms"));
  EXPECT_EQ(find_row(table, "load, s")->cells[4].text, "");
  const Table same = metric_comparison(a, a);
  for (const Row& row : same.rows) EXPECT_NE(row.cells[4].text, "apart") << row.cells[0].text;
  const Compared failed{study, study.trials[11], "C"};
  EXPECT_TRUE(metric_comparison(a, failed).rows.empty());
}

TEST(Comparison, OfAnotherMachineIsSaid) {
  const Study study = sample_study();
  Study other = study;
  other.machine.fingerprint = "other";
  EXPECT_TRUE(
      comparison_caveats({study, study.trials[0], "A"}, {study, study.trials[1], "B"}).empty());
  const auto caveats =
      comparison_caveats({study, study.trials[0], "A"}, {other, other.trials[1], "B"});
  ASSERT_EQ(caveats.size(), 1u);
  EXPECT_EQ(caveats[0], "another machine: fedcba9876543210 and other");
}

}  // namespace
}  // namespace paretune
