#include "optimizer/requirement.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/refusal.h"

namespace paretune {
namespace {

std::string complaint(std::string_view text, Side side = Side::at_most) {
  return refusal([&] { parse_requirement(text, side); });
}

Trial measured() {
  Trial trial;
  Speed& speed = trial.measurement.speed;
  speed.at_workload.latency.ttft_ms.samples = 100;
  speed.at_workload.latency.ttft_ms.mean = 40;
  speed.at_workload.latency.ttft_ms.percentiles[2] = {250, 200, 310};
  speed.usd_per_million_output_tokens = 0.0035;
  speed.peak_memory_bytes = 3'000'000'000;
  return trial;
}

TEST(Requirement, UnitsAreThoseOfTheMetric) {
  for (const char* text : {"ttft:p95<300", "ttft:p95<300ms", "ttft:p95<0.3s",
                           "ttft_ms:p95 < 300 ms", "ttft:p95<300000us", "ttft:p95<0.005min"}) {
    EXPECT_DOUBLE_EQ(parse_requirement(text, Side::at_most).limit, 300) << text;
  }
  EXPECT_EQ(parse_requirement("memory<2GB", Side::at_most).limit, 2e9);
  EXPECT_EQ(parse_requirement("memory<2GiB", Side::at_most).limit, 2147483648.0);
  EXPECT_EQ(parse_requirement("cost<$0.004", Side::at_most).limit, 0.004);
  EXPECT_DOUBLE_EQ(parse_requirement("accuracy>95%", Side::at_least).limit, 0.95);
  EXPECT_EQ(parse_requirement("load_s<=500ms", Side::at_most).limit, 0.5);
  EXPECT_EQ(parse_requirement("perplexity_ratio<1.02", Side::at_most).limit, 1.02);
}

TEST(Requirement, ReadsWhatItNames) {
  const Trial trial = measured();
  EXPECT_EQ(parse_requirement("ttft:p95<1", Side::at_most).value(trial), 250);
  EXPECT_EQ(parse_requirement("ttft:mean<1", Side::at_most).value(trial), 40);
  EXPECT_EQ(parse_requirement("cost<1", Side::at_most).value(trial), 0.0035);
  EXPECT_EQ(parse_requirement("memory<1", Side::at_most).value(trial), 3e9);
  // Nothing measured holds no requirement.
  const Requirement unmeasured = parse_requirement("itl:p99.9<1s", Side::at_most);
  EXPECT_TRUE(std::isnan(unmeasured.value(trial)));
  EXPECT_FALSE(unmeasured.holds(unmeasured.value(trial)));
  EXPECT_EQ(parse_requirement("itl:p99p9<1s", Side::at_most).percentile, unmeasured.percentile);
}

TEST(Requirement, StrictOrNotAsWritten) {
  EXPECT_FALSE(parse_requirement("cost<2", Side::at_most).holds(2));
  EXPECT_TRUE(parse_requirement("cost<=2", Side::at_most).holds(2));
  EXPECT_TRUE(parse_requirement("cost=2", Side::at_most).holds(2));
  EXPECT_FALSE(parse_requirement("accuracy>0.5", Side::at_least).holds(0.5));
  EXPECT_TRUE(parse_requirement("accuracy>=0.5", Side::at_least).holds(0.5));
  EXPECT_EQ(parse_requirement("cost<2", Side::at_most).excess(1), 1);
  EXPECT_EQ(parse_requirement("cost<2", Side::at_most).excess(3), 1.5);
  EXPECT_GT(parse_requirement("cost<2", Side::at_most).excess(2), 1);
  EXPECT_EQ(parse_requirement("accuracy>0.5", Side::at_least).excess(0.25), 2);
}

TEST(Requirement, MistakesAreAnsweredWithWhatIsAllowed) {
  EXPECT_NE(complaint("speed<1").find("found the unknown metric \"speed\", allowed: ttft, itl, "
                                      "tpot, e2e (each with :mean :p50 :p90"),
            std::string::npos)
      << complaint("speed<1");
  for (const TrialColumn& column : trial_columns()) {
    EXPECT_NE(complaint("speed<1").find(", " + std::string(column.name)), std::string::npos);
    EXPECT_EQ(complaint(std::string(column.name) + "<1"), "");
  }
  EXPECT_EQ(complaint("ttft<1"),
            "\"ttft<1\": found ttft alone, allowed: ttft: and one of mean, p50, p90, p95, p99, "
            "p99.9");
  EXPECT_NE(complaint("ttft:p97<1").find("found \"p97\""), std::string::npos);
  EXPECT_NE(complaint("cost:p95<1").find("\"cost\" without a statistic"), std::string::npos);
  EXPECT_NE(complaint("ttft:p95<3GB").find("found the unit \"GB\", allowed: us, ms, s, min"),
            std::string::npos);
  EXPECT_NE(complaint("kl<3ms").find("allowed: no unit"), std::string::npos);
  EXPECT_NE(complaint("cost<much").find("found \"much\", allowed: a number"), std::string::npos);
  EXPECT_NE(complaint("cost").find("no comparison"), std::string::npos);
  EXPECT_NE(complaint("<3").find("no metric"), std::string::npos);
  EXPECT_NE(complaint("").find("no comparison"), std::string::npos);
  EXPECT_NE(complaint("cost>3").find("--max takes < or <="), std::string::npos);
  EXPECT_NE(complaint("cost<3", Side::at_least).find("--min takes > or >="), std::string::npos);
}

}  // namespace
}  // namespace paretune
