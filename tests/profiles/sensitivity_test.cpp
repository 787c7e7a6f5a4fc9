#include "profiles/sensitivity.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/profiles/demo_quality.h"
#include "tests/profiles/large_target.h"

namespace paretune {
namespace {

TEST(SensitivityTest, KindsAddUpAndMoreBitsLoseLess) {
  const DemoQuality demo(3000);
  const auto kl = [&](LayerKind kind, const char* treatment) {
    return measure_sensitivity([] { return open_model(kDemo); }, demo.target, kind,
                               parse_treatment(treatment, "test"), demo.plan, demo.reference, 1500,
                               nullptr)
        .kl_divergence;
  };
  EXPECT_LT(kl(LayerKind::down, "f32"), 1e-9);
  const double down = kl(LayerKind::down, "int4_g32");
  EXPECT_GT(down, kl(LayerKind::down, "int8"));
  const double gate_up = kl(LayerKind::gate_up, "int4_g32");

  DeployConfig both = demo.full;
  both.weights = parse_policy("attention=f32,mlp=int4_g32,output=f32", "test");
  const LoadedModel model = load_model(open_model(kDemo), both);
  const double whole = measure_quality(model, both, demo.plan, demo.reference).kl_divergence;
  EXPECT_GT(whole, 0.5 * (down + gate_up));
  EXPECT_LT(whole, 2 * (down + gate_up));
}

// HQQ sees no inputs: it may lose more than rounding to nearest.
TEST(SensitivityTest, NearestIsMeasuredBesideWhatStandsInForAMethod) {
  Target target{this_machine(), open_model(kDemo)->shape()};
  const auto has = [&](const char* text) {
    const std::vector<Treatment> all = sensitivity_treatments(target);
    return std::ranges::find(all, parse_treatment(text, "test")) != all.end();
  };
  target.pack_seconds = 1e9;
  EXPECT_TRUE(has("int4_g32:gptq"));
  EXPECT_FALSE(has("int4_g32"));
  target = large_target();
  target.pack_seconds = 300;
  EXPECT_TRUE(has("int4_g32:hqq"));
  EXPECT_TRUE(has("int4_g32"));
}

TEST(SensitivityTest, NeuronsGoFromAnOpenDenseMlpAndExpertsHaveNoSideProducts) {
  Target target = large_target();
  const Treatment narrow = parse_treatment("int8:neurons10", "test"),
                  outliers = parse_treatment("int4_g64:gptq:outliers8", "test");
  target.open_layers = {LayerKind::gate_up};
  EXPECT_FALSE(suits(narrow, LayerKind::gate_up, target));  // down would change as well
  target.open_layers.push_back(LayerKind::down);
  EXPECT_TRUE(suits(narrow, LayerKind::gate_up, target));
  EXPECT_FALSE(suits(narrow, LayerKind::down, target));
  EXPECT_TRUE(suits(outliers, LayerKind::down, target));
  EXPECT_FALSE(suits(outliers, LayerKind::qkv, target));  // not open
  target.model.n_experts = 4;
  EXPECT_FALSE(suits(narrow, LayerKind::gate_up, target));
  EXPECT_FALSE(suits(outliers, LayerKind::down, target));
}

TEST(SensitivityTest, JsonRoundTrip) {
  const Sensitivity s{LayerKind::gate_up, parse_treatment("int3_g64:gptq", "test"), 0.0123456789,
                      4.5e-6};
  EXPECT_EQ(parse_sensitivity(to_json(s), "test"), s);
  for (const char* bad : {"", "{}", "[1]", R"({"kind":"mlps","treatment":"int8"})"}) {
    EXPECT_THROW(parse_sensitivity(bad, "test"), std::runtime_error) << bad;
  }
}

TEST(SensitivityTest, BytesAreThoseOfPackedMatrices) {
  const Target target = demo_target();
  for (const char* text : {"all=int8", "all=int4_g32:rank8"}) {
    DeployConfig config = default_config(target);
    config.weights = parse_policy(text, "test");
    const LoadedModel model = load_model(open_model(kDemo), config);
    std::uint64_t sum = 0;
    for (const LayerKind kind : kAllKinds)
      sum += weight_bytes(target.model, kind, config.weights.at(kind));
    EXPECT_EQ(sum, model.model->weight_bytes());
  }
}

}  // namespace
}  // namespace paretune
