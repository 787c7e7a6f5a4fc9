#include "optimizer/policy_front.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace paretune {
namespace {

Target target() {
  Target t{this_machine(), {}};
  t.model = {.n_layers = 4,
             .d_model = 256,
             .n_heads = 4,
             .n_kv_heads = 2,
             .head_dim = 64,
             .d_ff = 768,
             .vocab_size = 1024,
             .max_seq_len = 512};
  return t;
}

constexpr RequestShape kRequest{.input_tokens = 100, .output_tokens = 50};

std::vector<Sensitivity> sensitivities(std::span<const LayerKind> kinds, unsigned seed) {
  std::mt19937_64 rng(seed);
  std::vector<Sensitivity> all;
  double kl = 1e-5;
  for (const char* text : {"bf16", "int8", "int4_g32:gptq", "int3_g64:gptq", "int2_g32:gptq"}) {
    for (const LayerKind kind : kinds) {
      const double noise = 0.2 + 3 * static_cast<double>(rng() >> 11) * 0x1p-53;
      all.push_back({kind, parse_treatment(text, "test"), kl * noise, 0});
    }
    kl *= 6;
  }
  return all;
}

// Every combination is beaten by none of the front, and every point of the front by no combination.
TEST(PolicyFront, IsThatOfAllCombinations) {
  const std::vector<LayerKind> kinds{LayerKind::qkv, LayerKind::gate_up, LayerKind::down};
  const std::vector<Sensitivity> all = sensitivities(kinds, 1);
  const auto front = policy_front(all, target(), {}, kRequest, 1000, 1e9);
  ASSERT_GT(front.size(), 5u);
  std::vector<PolicyPrediction> every;
  for (const Sensitivity& a : all) {
    for (const Sensitivity& b : all) {
      for (const Sensitivity& c : all) {
        if (a.kind != kinds[0] || b.kind != kinds[1] || c.kind != kinds[2]) continue;
        Policy policy;
        policy.set(a.kind, a.treatment);
        policy.set(b.kind, b.treatment);
        policy.set(c.kind, c.treatment);
        every.push_back(*predict(policy, all, target(), {}, kRequest));
      }
    }
  }
  EXPECT_EQ(every.size(), 125u);
  const auto beats = [](const PolicyPrediction& a, const PolicyPrediction& b) {
    return a.kl_divergence < b.kl_divergence * (1 - 1e-9) && a.seconds < b.seconds * (1 - 1e-9);
  };
  for (const PolicyPrediction& one : every) {
    EXPECT_TRUE(std::ranges::none_of(front, [&](const auto& f) { return beats(one, f); }));
    EXPECT_TRUE(std::ranges::any_of(front, [&](const auto& f) {
      return f.kl_divergence <= one.kl_divergence * (1 + 1e-9) &&
             f.seconds <= one.seconds * (1 + 1e-9);
    })) << to_text(one.policy);
  }
}

TEST(PolicyFront, GoesFromSlowAndExactToFastAndRough) {
  const auto front = policy_front(sensitivities(kAllKinds, 2), target(), {}, kRequest, 12, 1e9);
  ASSERT_GE(front.size(), 6u);
  EXPECT_LE(front.size(), 13u);
  for (std::size_t i = 1; i < front.size(); ++i) {
    EXPECT_GT(front[i].kl_divergence, front[i - 1].kl_divergence);
    EXPECT_LT(front[i].seconds, front[i - 1].seconds);
  }
  EXPECT_EQ(front.back().policy.at(LayerKind::down).format, &kInt2G32);
}

TEST(PolicyFront, LeavesWhatIsNotOpenAndWhatLosesTooMuch) {
  const std::vector<LayerKind> kinds{LayerKind::qkv, LayerKind::gate_up};
  for (const auto& point :
       policy_front(sensitivities(kinds, 3), target(), {}, kRequest, 50, 1e-3)) {
    EXPECT_EQ(point.policy.at(LayerKind::down), Policy().at(LayerKind::down));
    EXPECT_EQ(point.policy.at(LayerKind::output), Policy().at(LayerKind::output));
    EXPECT_LE(point.kl_divergence, 1e-3);
  }
}

// An adapter is proposed only where the divergence falls by more than its standard error.
TEST(PolicyFront, CompensationsMustPay) {
  const std::vector<LayerKind> kinds{LayerKind::down};
  const auto front = [&](double saved) {
    const std::vector<Sensitivity> all{
        {LayerKind::down, parse_treatment("bf16", "t"), 1e-7, 1e-8},
        {LayerKind::down, parse_treatment("int3_g64:gptq", "t"), 1e-3, 1e-4},
        {LayerKind::down, parse_treatment("int3_g64:gptq:rank4", "t"), 1e-3 - saved, 1e-4, saved,
         2e-5}};
    return policy_front(all, target(), {}, kRequest, 10, 1);
  };
  EXPECT_EQ(front(1e-5).size(), 2u);
  ASSERT_EQ(front(4e-5).size(), 3u);
  EXPECT_EQ(front(4e-5)[1].policy.at(LayerKind::down).rank, 4);
  EXPECT_GT(front(4e-5)[1].seconds, front(4e-5)[2].seconds);
}

// What goes from gate and up goes from down as well: that is seen though down is chosen later.
TEST(PolicyFront, RemovedNeuronsMakeDownFasterToo) {
  const std::vector<Sensitivity> all{
      {LayerKind::gate_up, parse_treatment("int8", "t"), 1e-4, 0},
      {LayerKind::gate_up, parse_treatment("int4_g32", "t"), 2e-4, 0},  // the fastest gate_up
      {LayerKind::gate_up, parse_treatment("int8:neurons25", "t"), 3e-4, 0},
      {LayerKind::down, parse_treatment("bf16", "t"), 0, 0}};
  KernelTable kernels;
  const auto time = [&](const WeightFormat& format, int n, int k, double seconds) {
    for (const int m : {8, 512})
      kernels.add({.key = {.weights = &format, .n = n, .k = k, .m = m},
                   .default_s = 1.1 * seconds * m,
                   .tuned_s = seconds * m});
  };
  time(kInt8, 1536, 256, 4e-5);
  time(kInt4G32, 1536, 256, 2.9e-5);
  time(kBf16, 256, 768, 4e-5);
  const auto front = policy_front(all, target(), kernels, kRequest, 10, 1);
  ASSERT_EQ(front.size(), 3u);
  EXPECT_EQ(front[2].policy.at(LayerKind::gate_up).neurons, 25);
  EXPECT_LT(front[2].weight_bytes, front[0].weight_bytes);
  const auto whole = predict(front[2].policy, all, target(), kernels, kRequest);
  ASSERT_TRUE(whole);
  EXPECT_DOUBLE_EQ(whole->seconds, front[2].seconds);
  EXPECT_EQ(whole->weight_bytes, front[2].weight_bytes);
}

// Where the tuner timed products, its times decide; where not, bytes.
TEST(PolicyFront, TimedKernelsDecide) {
  const std::vector<LayerKind> kinds{LayerKind::down};
  const std::vector<Sensitivity> all{{LayerKind::down, parse_treatment("int8", "t"), 1e-4, 0},
                                     {LayerKind::down, parse_treatment("int4_g32", "t"), 1e-3, 0}};
  EXPECT_EQ(policy_front(all, target(), {}, kRequest, 10, 1).size(), 2u);
  KernelTable kernels;
  for (const auto& [format, seconds] : {std::pair(&kInt8, 1e-5), std::pair(&kInt4G32, 2e-5)}) {
    for (const int m : {8, 512}) {
      kernels.add({.key = {.weights = format, .n = 256, .k = 768, .m = m}, .tuned_s = seconds * m});
    }
  }
  const auto front = policy_front(all, target(), kernels, kRequest, 10, 1);
  ASSERT_EQ(front.size(), 1u);
  EXPECT_EQ(front[0].policy.at(LayerKind::down).format, &kInt8);
}

// Layers 0, 1 and 2 to 3 of two kinds, of which the first and the last lose most.
const std::vector<LayerLoss> kLayers{
    {LayerKind::qkv, 0, 0, {}, 5e-3},   {LayerKind::down, 0, 0, {}, 8e-3},
    {LayerKind::qkv, 1, 1, {}, 1e-3},   {LayerKind::down, 1, 1, {}, 1e-3},
    {LayerKind::qkv, 2, 3, {}, 2.5e-3}, {LayerKind::down, 2, 3, {}, 4e-3}};

TEST(PolicyFront, ByLayersIsThatOfAllCombinations) {
  const std::vector<LayerKind> kinds{LayerKind::qkv, LayerKind::down};
  std::vector<Sensitivity> all = sensitivities(kinds, 5);
  std::erase_if(all, [](const Sensitivity& s) { return s.treatment.format == &kInt2G32; });
  const auto front = policy_front(all, target(), {}, kRequest, 100'000, 1e9, kLayers);
  std::vector<PolicyPrediction> every;
  const std::vector<std::pair<int, int>> spans{{0, 0}, {1, 1}, {2, 3}};
  for (int code = 0; code < 4096; ++code) {  // one of four treatments for each of six spans
    Policy policy;
    for (int digit = 0; digit < 6; ++digit) {
      const LayerKind kind = kinds[std::size_t(digit / 3)];
      const auto [first, last] = spans[std::size_t(digit % 3)];
      const auto option = std::size_t(2 * (code >> (2 * digit) & 3) + digit / 3);
      for (int layer = first; layer <= last; ++layer)
        policy.set(kind, layer, all[option].treatment);
    }
    every.push_back(*predict(policy, all, target(), {}, kRequest, kLayers));
  }
  // But for what is as good by whole kinds.
  for (const PolicyPrediction& one : every) {
    EXPECT_TRUE(std::ranges::any_of(front, [&](const auto& f) {
      return f.kl_divergence <= one.kl_divergence * 1.051 && f.seconds <= one.seconds * 1.011;
    })) << to_text(one.policy);
  }
  int by_layers = 0;
  for (const PolicyPrediction& f : front) {
    const auto again = predict(f.policy, all, target(), {}, kRequest, kLayers);
    ASSERT_TRUE(again);
    EXPECT_NEAR(again->kl_divergence, f.kl_divergence, 1e-12);
    EXPECT_NEAR(again->seconds, f.seconds, 1e-12);
    EXPECT_EQ(again->weight_bytes, f.weight_bytes);
    by_layers += f.policy.last_layer() >= 0;
  }
  EXPECT_GT(by_layers, 3);
}

// The layers that lose most of what their kind does keep more bits.
TEST(PolicyFront, SparesTheLayersThatBreakFirst) {
  const std::vector<LayerKind> kinds{LayerKind::down};
  const std::vector<LayerLoss> first_breaks{{LayerKind::down, 0, 0, {}, 1e-1},
                                            {LayerKind::down, 1, 3, {}, 1e-3}};
  for (const auto& f :
       policy_front(sensitivities(kinds, 6), target(), {}, kRequest, 100, 1e9, first_breaks)) {
    const auto bits = [&](int layer) {
      return f.policy.at(LayerKind::down, layer).format->packed_bytes(256, 768);
    };
    EXPECT_GE(bits(0), bits(1)) << to_text(f.policy);
  }
}

TEST(PolicyFront, AnUnmeasuredTreatmentIsNotPredicted) {
  const auto all = sensitivities(kAllKinds, 4);
  EXPECT_FALSE(predict(parse_policy("all=int4_g128", "t"), all, target(), {}, kRequest));
  EXPECT_FALSE(predict(parse_policy("all=int8,down@0=bf16", "t"), all, target(), {}, kRequest));
  EXPECT_EQ(predict(parse_policy("all=f32", "t"), all, target(), {}, kRequest)->kl_divergence, 0);
  // Of down the layers were measured: the first has .8 * 8 / 13 + .2 / 4 of what down loses.
  const Policy spared = parse_policy("all=f32,down=int8,down@0=f32", "t");
  const auto predicted = predict(spared, all, target(), {}, kRequest, kLayers);
  ASSERT_TRUE(predicted);
  const auto down = std::ranges::find_if(all, [](const Sensitivity& s) {
    return s.kind == LayerKind::down && s.treatment == parse_treatment("int8", "t");
  });
  EXPECT_NEAR(predicted->kl_divergence, (1 - .8 * 8 / 13 - .2 / 4) * down->kl_divergence, 1e-12);
}

}  // namespace
}  // namespace paretune
