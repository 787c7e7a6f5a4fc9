#include <gtest/gtest.h>

#include <fstream>

#include "reports/report.h"
#include "runtime/deployment.h"
#include "tests/reports/sample_study.h"
#include "tests/reports/schema.h"

namespace paretune {
namespace {

using nlohmann::json;

json deploy_schema() { return json::parse(std::ifstream("runtime/deploy.schema.json")); }

TEST(DeployJson, IsTheRecommendedConfigAndReadsBack) {
  Study study = sample_study();
  const Deployment deployment = parse_deployment(deploy_json(study), "deploy.json");
  EXPECT_EQ(deployment.config, study.trials[2].config);
  EXPECT_EQ(deployment.model_hash, study.model_hash);
  EXPECT_EQ(deployment.machine_fingerprint, study.machine.fingerprint);
  // It promises what held when it was measured again; before that, what the search saw.
  EXPECT_EQ(deployment.promised.at("usd_per_million_output_tokens"), 0.43);
  study.verification.trial = 0;  // another's
  EXPECT_EQ(parse_deployment(deploy_json(study), "deploy.json")
                .promised.at("usd_per_million_output_tokens"),
            0.42);
  study.verification = {};
  const Deployment unverified = parse_deployment(deploy_json(study), "deploy.json");
  EXPECT_EQ(unverified.promised.at("usd_per_million_output_tokens"), 0.42);
}

TEST(DeployJson, IsEmptyWhereNothingIsRecommended) {
  EXPECT_EQ(deploy_json(empty_study()), "");
  EXPECT_EQ(deploy_json(failed_study()), "");
  EXPECT_EQ(deploy_json(infeasible_study()), "");
}

TEST(DeployJson, HasExactlyTheKeysOfItsSchema) {
  const json schema = deploy_schema();
  EXPECT_EQ(schema_error(schema, schema, json::parse(deploy_json(sample_study()))), "");
  EXPECT_EQ(schema_error(schema, schema, json::parse(deploy_json(one_trial_study()))), "");
}

// What a knob may be, from the types of its values.
json legal(const Policy&) { return {{"type", "string"}}; }
json legal(const KvFormat*) {
  json names = json::array();
  for (const KvFormat* row : kKvFormats) names.push_back(row->name);
  return {{"enum", names}};
}
template <const auto& kList>
json legal(OneOf<kList>) {
  return {{"enum", kList}};
}
json legal(int) { return {{"type", "integer"}, {"minimum", 1}, {"maximum", 1 << 30}}; }
json legal(bool) { return {{"type", "boolean"}}; }

TEST(DeployJson, SchemaHasEveryKnobWithItsLegalValuesAndHelp) {
  const json config = deploy_schema()["properties"]["config"];
  int knobs = 0;
  for_each_knob([&](const auto& knob) {
    ++knobs;
    json expected = legal(DeployConfig{}.*knob.field);
    if (expected.contains("minimum")) expected["minimum"] = knob.least;
    expected["description"] = knob.help;
    EXPECT_EQ(config["properties"].value(std::string(knob.name), json()), expected) << knob.name;
  });
  EXPECT_EQ(config["properties"].size(), static_cast<std::size_t>(knobs));
  ASSERT_EQ(config["required"].size(), static_cast<std::size_t>(knobs));
  for (const json& name : config["required"])
    EXPECT_TRUE(config["properties"].contains(name.get<std::string>())) << name;
}

TEST(DeployJson, SchemaNamesEveryWeightFormatOfKernels) {
  json names = json::array();
  for (const WeightFormat* format : kWeightFormats) names.push_back(format->name);
  const json kernels = deploy_schema()["properties"]["kernels"];
  EXPECT_EQ(kernels["items"]["properties"]["weights"]["enum"], names);
}

}  // namespace
}  // namespace paretune
