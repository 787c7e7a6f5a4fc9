#include <gtest/gtest.h>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/report.h"
#include "reports/tables.h"
#include "reports/text.h"
#include "tests/reports/markup.h"
#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

TEST(Html, EveryStudyGivesWellFormedMarkup) {
  for (const auto& [name, study] : sample_studies()) {
    const std::string html = report_html(study);
    EXPECT_TRUE(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">")) << name;
    EXPECT_EQ(markup_error(html), "") << name;
  }
}

TEST(Html, CheckerFindsWhatIsBroken) {
  EXPECT_NE(markup_error("<p>a</div>"), "");
  EXPECT_NE(markup_error("<p>a & b</p>"), "");
  EXPECT_NE(markup_error("<p id=\"a\"></p><p id=\"a\"></p>"), "");
  EXPECT_EQ(markup_error("<p id=\"a\">b &amp; c<br></p>"), "");
}

TEST(Html, NothingUserOriginatedIsMarkup) {
  Study study = sample_study();
  study.command = study.model_path = study.machine.cpu = study.build = study.stop_reason =
      kNastyName;
  study.picks[0].reason = study.verification.verdict = study.space[0].reason = kNastyName;
  study.trials[11].measurement.detail = "</script><img src=x onerror=alert(3)>";
  study.workload.cost.price_source = "\xff\xfe \x01 not UTF-8";
  for (const std::string& html : {report_html(study), report_html(infeasible_study())}) {
    EXPECT_EQ(markup_error(html), "");
    EXPECT_EQ(occurrences(html, "<script"), 1);
    EXPECT_EQ(occurrences(html, "</script>"), 1);
    EXPECT_EQ(occurrences(html, "<img"), 0);
    EXPECT_EQ(html.find('\xff'), html.npos);
  }
}

TEST(Html, LoadsNothing) {
  const std::string html = report_html(sample_study());
  for (std::string_view loader :
       {"http://", "https://", "src=", "url(", "@import", "fetch(", "XMLHttpRequest"}) {
    EXPECT_EQ(occurrences(html, loader), 0) << loader;
  }
  EXPECT_EQ(occurrences(html, "default-src 'none'"), 1);
}

TEST(Html, EachTrialThatRanIsInEveryPlotAndEachTrialInTheTable) {
  const Study study = sample_study();
  const std::string html = report_html(study);
  for (const Trial& trial : study.trials) {
    const std::string mark = cat({"data-trial=\"", std::to_string(trial.id), "\""});
    EXPECT_GE(occurrences(html, cat({mark, " transform"})), ran(trial) ? 4 : 0) << trial.id;
    EXPECT_GE(occurrences(html, cat({"<tr ", mark})), 1) << trial.id;
  }
}

TEST(Html, PicksTableShowsEveryNumber) {
  const Study study = sample_study();
  const std::string html = report_html(study);
  const std::string markdown = report_markdown(study);
  const std::string table = html_table(picks_table(study));
  EXPECT_NE(html.find(table), html.npos);
  for (const Pick& pick : study.picks) {
    const Trial& trial = *find_trial(study, pick.trial);
    for (const ObjectiveRow& row : kObjectives) {
      const Estimate e = row.estimate(study, trial);
      for (const std::string& text : {number_text(e.value), interval_text(e)}) {
        EXPECT_NE(table.find(text), table.npos) << pick.name << " " << row.key;
        EXPECT_NE(markdown.find(text), markdown.npos) << pick.name << " " << row.key;
      }
    }
  }
}

TEST(Html, StudiesWithoutAnAnswerSaySo) {
  EXPECT_NE(report_html(empty_study()).find("No answer yet"), std::string::npos);
  EXPECT_NE(report_html(failed_study()).find("No answer yet"), std::string::npos);
  const std::string infeasible = report_html(infeasible_study());
  EXPECT_NE(infeasible.find("No configuration that was measured meets your limits."),
            std::string::npos);
  EXPECT_NE(infeasible.find("no trial is below 88 ms"), std::string::npos);
  EXPECT_EQ(infeasible.find("serve deploy.json"), std::string::npos);
}

TEST(Html, PercentilesWithoutSamplesAreNotNumbers) {
  const Study study = sample_study();
  const std::string html = report_html(study);
  EXPECT_NE(html.find("p99: needs 299 samples, has 80"), html.npos);
  const double p99 =
      study.trials[2].measurement.speed.at_workload.latency.ttft_ms.percentiles[3].value;
  EXPECT_EQ(html.find(cat({">", number_text(p99), "<small>at least"})), html.npos);
}

}  // namespace
}  // namespace paretune
