#include "profiles/knob_losses.h"

#include <gtest/gtest.h>

#include "profiles/quality.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "tests/refusal.h"
#include "tests/runtime/engine/demo_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

TEST(KnobLosses, FewerBitsLoseMore) {
  const Target target = demo_target();
  const DeployConfig full = full_precision_config(target);
  Workload workload = load_workload("workloads/demo/chat.json");
  workload.quality.evals.clear();
  const LoadedModel exact = load_model(open_model(kDemo), full);
  const QualityPlan plan =
      plan_quality(workload, target.model, *exact.tokenizer, &*exact.chat, {.text_tokens = 1500});
  const QualityReference reference = measure_reference(exact, full, plan);
  const auto kl = [&](const char* knob, const char* value, const char* smoothing = "") {
    return measure_knob_loss([] { return open_model(kDemo); }, target, {knob, value, smoothing},
                             plan, reference, 1500, nullptr)
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
  EXPECT_EQ(lossy_values(target).size(), kSmootherNames.size() + kKvFormats.size() - 1);
}

TEST(KnobLosses, JsonRoundTrip) {
  const KnobLoss loss{"activations", "int8", "awq", 0.0123456789, 4.5e-6};
  EXPECT_EQ(parse_knob_loss(to_json(loss), "test"), loss);
  for (const char* bad : {"", "{}", "[1]", R"({"knob":"kv_cache","value":4})"})
    EXPECT_EQ(refusal([&] { parse_knob_loss(bad, "memo"); }).find("memo: "), 0u) << bad;
}

}  // namespace
}  // namespace paretune
