#include "profiles/cost_model/operator_times.h"

#include <gtest/gtest.h>

#include "profiles/cost_model/product_uses.h"
#include "runtime/engine/model.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

MatmulPlan plan(const WeightFormat& format, Activations activations, std::string_view family) {
  return default_plan(family, format, activations);
}

TEST(OperatorTimesTest, GoesThroughItsPointsAndNeverFallsWithMoreRows) {
  OperatorTimes times;
  const MatmulPlan p = plan(kF32, Activations::f32, "scalar");
  const ProductKey key{&kF32, p, 64, 128, 1};
  times.add(key, 1, 1e-3);
  times.add(key, 4, 0.9e-3);  // noise
  times.add(key, 16, 4e-3);
  times.add(key, 64, 16e-3);
  const MatmulPlans plans(p);
  EXPECT_DOUBLE_EQ(times.product(kF32, plans, 64, 128, 1, 1), 1e-3);
  EXPECT_DOUBLE_EQ(times.product(kF32, plans, 64, 128, 1, 16), 4e-3);
  EXPECT_DOUBLE_EQ(times.product(kF32, plans, 64, 128, 1, 10), 2.5e-3);
  EXPECT_DOUBLE_EQ(times.product(kF32, plans, 64, 128, 1, 128), 32e-3);
  double before = 0;
  for (int m = 1; m < 600; ++m) {
    const double now = times.product(kF32, plans, 64, 128, 1, m);
    EXPECT_GE(now, before) << m;
    before = now;
  }
}

TEST(OperatorTimesTest, AnUntimedProductTakesTheNearestsTimeForItsShareOfWeights) {
  OperatorTimes times;
  EXPECT_EQ(times.product(kF32, MatmulPlans(plan(kF32, Activations::f32, "scalar")), 8, 8, 1, 1),
            0);
  const MatmulPlan f32 = plan(kF32, Activations::f32, "scalar");
  const MatmulPlan int8 = plan(kInt8, Activations::int8, "scalar");
  times.add({&kF32, f32, 64, 64, 1}, 16, 1e-3);
  times.add({&kInt8, int8, 64, 64, 1}, 16, 5e-3);
  EXPECT_DOUBLE_EQ(times.product(kF32, MatmulPlans(f32), 128, 64, 1, 16), 2e-3);
  EXPECT_DOUBLE_EQ(times.product(kF32, MatmulPlans(f32), 64, 64, 2, 16), 0.5e-3);
  EXPECT_DOUBLE_EQ(times.product(kInt8, MatmulPlans(int8), 64, 64, 1, 16), 5e-3);
}

TEST(ProductUsesTest, CountsEveryLayerOnceAndTreatmentsApart) {
  const ModelShape shape = open_model(kDemoModel)->shape();
  double layers = 0;
  for (const ProductUse& use : product_uses(parse_policy("all=int8", "test"), shape)) {
    EXPECT_EQ(use.weights, &kInt8);
    layers += use.times;
  }
  EXPECT_EQ(layers, 4 * shape.n_layers + 1);
  layers = 0;
  bool mixed = false;
  for (const ProductUse& use : product_uses(parse_policy("all=int8,down@0=bf16", "test"), shape)) {
    layers += use.times;
    mixed |= use.weights == &kBf16 && use.times == 1;
  }
  EXPECT_EQ(layers, 4 * shape.n_layers + 1);
  EXPECT_TRUE(mixed);
}

TEST(ProductUsesTest, PlansAreThoseOfTheConfigsKernels) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  DeployConfig config = default_config(target);
  config.decode_kernel.name = "scalar";
  for (const ProductUse& use : product_uses(config.weights, target.model)) {
    EXPECT_EQ(plans_for(use, Phase::decode, config, {}).at(1).variant->family, "scalar");
    EXPECT_EQ(plans_for(use, Phase::prefill, config, {}).at(1),
              default_plan(config.prefill_kernel.name, *use.weights,
                           effective_activations(config, *use.weights)));
  }
}

}  // namespace
}  // namespace paretune
