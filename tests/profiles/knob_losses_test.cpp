#include "profiles/knob_losses.h"

#include <gtest/gtest.h>

#include "tests/profiles/demo_quality.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

TEST(KnobLosses, FewerBitsLoseMore) {
  const DemoQuality demo(1500);
  const auto kl = [&](const char* knob, const char* value, const char* smoothing = "") {
    return measure_knob_loss([] { return open_model(kDemo); }, demo.target,
                             {knob, value, smoothing}, demo.plan, demo.reference, 1500, nullptr)
        .kl_divergence;
  };
  EXPECT_LT(kl("kv_cache", "f32"), 1e-9);
  const double int8 = kl("kv_cache", "int8");
  EXPECT_GT(int8, 0);
  EXPECT_GT(kl("kv_cache", "int4"), 10 * int8);
  EXPECT_GT(kl("activations", "int8", "none"), 2 * kl("activations", "int8", "hadamard"));
}

TEST(KnobLosses, NameValuesThatConfigsHave) {
  const Target target = demo_target();
  for (const KnobLoss& loss : lossy_values(target)) {
    DeployConfig config = default_config(target);
    EXPECT_EQ(refusal([&] { set_knob(config, loss.knob, loss.value, "test"); }), "");
    EXPECT_EQ(knob_text(config, loss.knob), loss.value);
  }
  // One smoother goes with static scales as well.
  EXPECT_EQ(lossy_values(target).size(), kSmootherNames.size() + 1 + kKvFormats.size() - 1);
}

TEST(KnobLosses, JsonRoundTrip) {
  const KnobLoss loss{"activations", "int8", "awq", 0.0123456789, 4.5e-6};
  EXPECT_EQ(parse_knob_loss(to_json(loss), "test"), loss);
  for (const char* bad : {"", "{}", "[1]", R"({"knob":"kv_cache","value":4})"})
    EXPECT_EQ(refusal([&] { parse_knob_loss(bad, "memo"); }).find("memo: "), 0u) << bad;
}

}  // namespace
}  // namespace paretune
