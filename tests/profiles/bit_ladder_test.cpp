#include "profiles/bit_ladder.h"

#include <gtest/gtest.h>

#include "profiles/quality.h"
#include "runtime/engine/loaded_model.h"
#include "tests/profiles/demo_model.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

// From the finest to the coarsest, fewer bits lose more, and what breaks is seen.
TEST(BitLadder, LosesMoreRungByRungUntilCapabilitiesBreak) {
  const auto open = [] { return open_model(kDemoModel); };
  Target target{this_machine(), open()->shape()};
  target.open_layers.assign(kAllKinds.begin(), kAllKinds.end());
  const DeployConfig full = full_precision_config(target);
  const LoadedModel exact = load_model(open(), full);
  Workload workload{.file = "test.json", .seed = 3};
  for (const char* name : {"copy", "arithmetic", "sort"}) {
    workload.quality.evals.push_back(demo_eval(name));
    workload.quality.evals.back().max_items = 12;
  }
  const QualityPlan plan =
      plan_quality(workload, target.model, *exact.tokenizer, &*exact.chat, {.text_tokens = 512});
  const QualityReference reference = measure_reference(exact, full, plan);
  const auto rung = [&](const char* treatment) {
    return measure_rung(open, target, parse_treatment(treatment, "test"), plan, reference, nullptr);
  };
  const Rung four = rung("int4_g32"), two = rung("int2_g64");
  ASSERT_EQ(four.capabilities.size(), 3u);
  EXPECT_NEAR(four.bits_per_weight, 4.6, 0.2);
  EXPECT_NEAR(two.bits_per_weight, 2.35, 0.2);
  EXPECT_GT(four.kl_divergence, 0);
  EXPECT_GT(two.kl_divergence, 10 * four.kl_divergence);
  EXPECT_FALSE(ends_ladder(four));
  EXPECT_TRUE(ends_ladder(two)) << to_json(two);
  EXPECT_EQ(to_json(parse_rung(to_json(two), "test")), to_json(two));
  EXPECT_NE(refusal([] { parse_rung("{}", "here"); }).find("here"), std::string::npos);
}

TEST(BitLadder, IsOfFewerAndFewerBits) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  const std::vector<Treatment> rungs = ladder(target);
  ASSERT_GE(rungs.size(), 3u);
  for (std::size_t i = 1; i < rungs.size(); ++i) {
    EXPECT_LT(bits_per_weight(*rungs[i].format, 256, 256),
              bits_per_weight(*rungs[i - 1].format, 256, 256));
  }
}

TEST(BitLadder, BrokenIsWhatIsSurelyLost) {
  EXPECT_FALSE(broken({.drop = 0.1, .drop_standard_error = 0.1}));
  EXPECT_TRUE(broken({.drop = 0.2, .drop_standard_error = 0.1}));
  EXPECT_TRUE(broken({.rated = 9, .likelihood_drop = 0.2, .likelihood_drop_standard_error = 0.1}));
  EXPECT_FALSE(broken({.likelihood_drop = 0.2, .likelihood_drop_standard_error = 0.1}));
}

}  // namespace
}  // namespace paretune
