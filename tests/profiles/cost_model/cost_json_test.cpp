#include "profiles/cost_model/cost_json.h"

#include <gtest/gtest.h>

#include "profiles/cost_model/operator_json.h"
#include "tests/profiles/cost_model/planted_times.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

FittedCosts planted(const Target& target) {
  OperatorTimes times = planted_times(target);
  for (const DeployConfig& config : planted_configs(target)) {
    for (const ProductUse& use : product_uses(config.weights, target.model)) {
      const MatmulPlan plan = plans_for(use, Phase::decode, config, {}).at(1);
      times.prepare_row[{plan.variant, use.k}] = 1e-7 * use.k / 3;
    }
  }
  CostFit fit = unfitted();
  fit.amounts[kStep] = 1.0 / 3;
  fit.log_factors["decode format int8"] = -0.1;
  PredictionErrors errors;
  errors[2] = {.configs = 7, .median = 0.05, .p90 = 0.1, .bias = 0.98, .rank_correlation = 0.9};
  return {CostModel(CostTerms(target, {}, times), fit), errors, 7, 1.5};
}

// What is read back predicts the same steps, to the bit.
TEST(CostJson, RoundTripPredictsTheSame) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  FittedCosts costs = planted(target);
  FittedCosts back = parse_fitted_costs(to_json(costs), "test", target, {});
  EXPECT_EQ(back.model.fit(), costs.model.fit());
  EXPECT_EQ(back.runs, 7);
  EXPECT_EQ(back.seconds, 1.5);
  EXPECT_EQ(back.errors[2].configs, 7);
  EXPECT_EQ(back.errors[2].bias, 0.98);
  for (const DeployConfig& config : planted_configs(target)) {
    const StepCost a = costs.model.step_cost(config), b = back.model.step_cost(config);
    for (std::size_t phase = 0; phase < 2; ++phase)
      EXPECT_EQ(a.phases[phase].seconds, b.phases[phase].seconds);
  }
}

TEST(CostJson, RefusesWhatIsNoFit) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  std::string text = to_json(planted(target));
  EXPECT_THROW(parse_fitted_costs("{}", "test", target, {}), std::runtime_error);
  text.replace(text.find("\"amounts\":["), 11, "\"amounts\":[1,");
  EXPECT_THROW(parse_fitted_costs(text, "test", target, {}), std::runtime_error);
}

TEST(OperatorJson, RefusesWhatIsNoOperator) {
  for (const char* op : {"", "[]", "{}", R"({"operator":"softmax"})", R"({"operator":"product"})",
                         R"({"operator":"attention","variant":3})"})
    EXPECT_THROW(operator_times({{op, {1, 1, 1, 1}}}, "test"), std::runtime_error) << op;
  EXPECT_THROW(operator_times({{R"({"operator":"store","kv_cache":"bf16"})", {}}}, "test"),
               std::runtime_error);
  EXPECT_EQ(operator_times({{R"({"operator":"store","kv_cache":"bf16"})", {2e-6}}}, "test")
                .store_row.begin()
                ->second,
            2e-6);
}

}  // namespace
}  // namespace paretune
