#include "runtime/compression/narrowing.h"

#include <gtest/gtest.h>

#include "runtime/compression/smoothing.h"
#include "runtime/engine/pack_cache.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"

namespace paretune {
namespace {

TEST(Narrowing, LeavesWholeLines) {
  EXPECT_EQ(neurons_left(1024, 25), 768);
  EXPECT_EQ(neurons_left(5632, 10), 5056);
  EXPECT_EQ(neurons_left(128, 90), 64);
  EXPECT_EQ(neurons_left(48, 50), 48);
}

// By a policy, through the engine: fewer weights, and the closer to the truth the fewer go.
TEST(Narrowing, RemovesWhatMattersLeast) {
  const Target target = demo_target();
  DeployConfig config = exact_config(target);
  const TemporaryFolder folder;
  PackCache packs(folder.path() / "packs", std::uint64_t(1) << 30);  // of samples
  std::size_t bytes = 0;
  const auto logits = [&](const char* policy) {
    config.weights = parse_policy(policy, "test");
    const LoadedModel model = load_model(open_model(kDemo), config, {}, &packs);
    bytes = model.model->weight_bytes();
    return last_logits(model, config, golden_prompt());
  };
  const std::vector<float> exact = logits("all=f32");
  const std::size_t whole = bytes;
  const auto distance = [&](const char* policy) { return squared_distance(logits(policy), exact); };
  const double few = distance("linear=f32,gate_up=f32:neurons10,output=f32");
  EXPECT_LT(bytes, whole);
  const double many = distance("linear=f32,gate_up=f32:neurons60,output=f32");
  EXPECT_GT(few, 0);
  EXPECT_LT(few, many);
  distance("linear=int4_g64:gptq,gate_up=int4_g64:gptq:neurons10,output=int8");  // all in one pass
}

TEST(Narrowing, KeepsTheRowsAndColumnsOfTheSameNeurons) {
  const SyntheticModel tiny("tiny");
  const auto plain = tiny.open();
  const Calibration calibration = calibrate(*plain, nullptr);
  const auto narrow = narrowed(tiny.open(), 50, calibration);
  const int d_ff = plain->shape().d_ff, left = narrow->shape().d_ff;
  ASSERT_EQ(left, neurons_left(d_ff, 50));
  const auto d = static_cast<std::size_t>(plain->shape().d_model);
  std::vector<float> up(d), all(static_cast<std::size_t>(d_ff) * d),
      down(static_cast<std::size_t>(left)), whole(static_cast<std::size_t>(d_ff));
  plain->read_rows(Weight::ffn_up, 1, 0, d_ff, all);
  plain->read_rows(Weight::ffn_down, 1, 3, 4, whole);
  narrow->read_rows(Weight::ffn_down, 1, 3, 4, down);
  for (int i = 0; i < left; ++i) {
    narrow->read_rows(Weight::ffn_up, 1, i, i + 1, up);
    int neuron = 0;
    while (neuron < d_ff && !std::equal(up.begin(), up.end(),
                                        all.begin() + std::ptrdiff_t(neuron) * std::ptrdiff_t(d)))
      ++neuron;
    ASSERT_LT(neuron, d_ff);
    EXPECT_EQ(down[static_cast<std::size_t>(i)], whole[static_cast<std::size_t>(neuron)]);
  }
}

// What is packed of a model that was narrowed and smoothed is not that of one only smoothed.
TEST(Narrowing, IsPartOfTheVariantUnderASmoother) {
  const SyntheticModel tiny("tiny");
  Calibration calibration = calibrate(*tiny.open(), nullptr);
  std::unique_ptr<ModelSource> narrow = narrowed(tiny.open(), 50, calibration);
  const std::string variant = narrow->variant();
  Calibration own = calibrate(*narrow, nullptr);
  const auto both = smooth(std::move(narrow), "smoothquant", parse_policy("all=int8", "test"), own);
  EXPECT_TRUE(both->variant().starts_with(variant));
  EXPECT_GT(both->variant().size(), variant.size());
}

TEST(Narrowing, ModelsOfExpertsAreRefused) {
  const SyntheticModel experts("tiny-moe");
  const Calibration calibration = calibrate(*experts.open(), nullptr);
  EXPECT_THROW(narrowed(experts.open(), 10, calibration), std::runtime_error);
}

}  // namespace
}  // namespace paretune
