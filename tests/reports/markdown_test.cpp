#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "reports/report.h"
#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

// Pipes that separate cells.
int bars(const std::string& line) {
  int n = 0;
  for (std::size_t i = 0; i < line.size(); ++i)
    n += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
  return n;
}

TEST(Markdown, TablesHaveOneNumberOfColumnsEach) {
  for (const auto& [name, study] : sample_studies()) {
    std::istringstream lines(report_markdown(study));
    int columns = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("|")) {
        columns = 0;
        continue;
      }
      if (columns == 0) columns = bars(line);
      EXPECT_EQ(bars(line), columns) << name << ": " << line;
    }
  }
}

TEST(Markdown, HoldsNoMarkupOfOthers) {
  const std::string text = report_markdown(sample_study());
  EXPECT_EQ(text.find("<script"), text.npos);
  EXPECT_EQ(text.find("<b>"), text.npos);
}

TEST(Markdown, SaysTheDecisionFirst) {
  const std::string text = report_markdown(sample_study());
  EXPECT_LT(text.find("Deploy trial 2: cost 3.0× cheaper (-66 %)"), text.find("## "));
  EXPECT_NE(text.find("`serve deploy.json`"), text.npos);
}

}  // namespace
}  // namespace paretune
