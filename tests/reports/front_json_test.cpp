#include <gtest/gtest.h>

#include <fstream>

#include "reports/facts.h"
#include "reports/report.h"
#include "tests/reports/sample_study.h"
#include "tests/reports/schema.h"

namespace paretune {
namespace {

using nlohmann::json;

json read_json(const char* file) { return json::parse(std::ifstream(file)); }

TEST(FrontJson, HasExactlyTheKeysOfItsSchema) {
  const json schema = read_json("reports/front.schema.json");
  for (const auto& [name, study] : sample_studies()) {
    EXPECT_EQ(schema_error(schema, schema, json::parse(front_json(study))), "") << name;
  }
}

TEST(FrontJson, HoldsWhatTheQualityGateFound) {
  Study study = sample_study();
  study.gates.push_back({2,
                         {.verdict = GateVerdict::undecided,
                          .capabilities = {{.name = "sort", .items = 50}},
                          .reason = "not proven",
                          .looks = 4,
                          .unasked = {"long_recall"},
                          .nothing_to_lose = {"entailment"}}});
  const json schema = read_json("reports/front.schema.json");
  const json front = json::parse(front_json(study));
  EXPECT_EQ(schema_error(schema, schema, front), "");
  const json& gate = front["quality_gate"][0];
  EXPECT_EQ(gate["verdict"], "undecided");
  EXPECT_EQ(gate["not_asked"], json({"long_recall"}));
  EXPECT_EQ(gate["nothing_to_lose"], json({"entailment"}));
  EXPECT_NE(report_markdown(study).find("entailment (full precision is sure of no answer"),
            std::string::npos);
  EXPECT_EQ(gate["capabilities"][0]["items"], 50);
  EXPECT_NE(report_markdown(study).find("long\\_recall (not asked"), std::string::npos);
}

TEST(FrontJson, SchemaRefusesAnotherKeyAndAMissingOne) {
  const json schema = read_json("reports/front.schema.json");
  json front = json::parse(front_json(sample_study()));
  front["front"][0]["new"] = 1;
  EXPECT_EQ(schema_error(schema, schema, front), "$.front[0].new: not in the schema");
  front["front"][0].erase("new");
  front["front"][0]["objectives"]["latency_ms"].erase("low");
  EXPECT_EQ(schema_error(schema, schema, front), "$.front[0].objectives.latency_ms.low: missing");
}

TEST(FrontJson, HoldsTheFrontInItsOrderWithExactNumbers) {
  const Study study = sample_study();
  const json out = json::parse(front_json(study));
  ASSERT_EQ(out["front"].size(), study.front.size());
  for (std::size_t i = 0; i < study.front.size(); ++i) {
    const Trial& trial = *find_trial(study, study.front[i]);
    EXPECT_EQ(out["front"][i]["trial"], trial.id);
    const json& objectives = out["front"][i]["objectives"];
    EXPECT_EQ(objectives["usd_per_million_output_tokens"]["value"],
              trial.objectives.usd_per_million_output_tokens);
    EXPECT_EQ(objectives["latency_ms"]["value"], trial.objectives.latency_ms);
    EXPECT_EQ(objectives["kl_divergence"]["value"], trial.objectives.kl_divergence);
  }
  EXPECT_EQ(out["picks"][0]["config"]["weights"], "all=int8");
  EXPECT_EQ(out["trials"], json({{"total", 12}, {"ran", 11}, {"feasible", 9}, {"resumed", 3}}));
  EXPECT_EQ(out["manifest"]["workload"]["name"], "test </script> data");
}

TEST(FrontJson, TellsHowWrongPredictionsWere) {
  Study study = sample_study();
  const json predictions = json::parse(front_json(study))["predictions"];
  EXPECT_EQ(predictions["cost_model"], study.cost_model);
  EXPECT_EQ(predictions["metrics"][0]["trials"], 4);
  EXPECT_NEAR(predictions["metrics"][0]["median_error"], 0.1, 1e-12);
  ASSERT_EQ(predictions["trials"].size(), 4u);
  EXPECT_EQ(predictions["trials"][2]["predicted"]["usd_per_million_output_tokens"],
            study.trials[2].predicted->objectives.usd_per_million_output_tokens);
  EXPECT_EQ(predictions["trials"][2]["measured"]["usd_per_million_output_tokens"],
            study.trials[2].objectives.usd_per_million_output_tokens);
  EXPECT_TRUE(predictions["trials"][3]["predicted"]["kl_divergence"].is_null());
  study.cost_model.clear();
  EXPECT_TRUE(json::parse(front_json(study))["predictions"].is_null());
}

TEST(FrontJson, OpenIntervalsAndUnknownNumbersAreNull) {
  Study study = sample_study();
  study.workload.objective.percentile = kPercentiles[3];
  const json out = json::parse(front_json(study));
  EXPECT_TRUE(out["front"][0]["objectives"]["latency_ms"]["high"].is_null());
  EXPECT_EQ(out["front"][0]["latency"]["ttft_ms"]["percentiles"]["p99"]["enough_samples"], false);
}

TEST(FrontJson, SurvivesTextThatIsNotUtf8) {
  Study study = sample_study();
  study.command = "tune \xff\xfe";
  EXPECT_TRUE(json::accept(front_json(study)));
}

}  // namespace
}  // namespace paretune
