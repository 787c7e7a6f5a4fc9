#include "profiles/layer_losses.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/profiles/demo_quality.h"
#include "tests/profiles/large_target.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

TEST(LayerSpans, CoverEveryLayerOnceWithShorterEnds) {
  for (int n = 0; n < 90; ++n) {
    for (int most = 0; most < 10; ++most) {
      const std::vector<LayerSpan> spans = layer_spans(n, most);
      EXPECT_LE(int(spans.size()), most);
      if (n < 2 || most < 2) {
        EXPECT_TRUE(spans.empty());
        continue;
      }
      int next = 0;
      for (const LayerSpan& span : spans) {
        EXPECT_EQ(span.first, next);
        EXPECT_GE(span.last, span.first);
        next = span.last + 1;
      }
      EXPECT_EQ(next, n);
    }
  }
  EXPECT_EQ(layer_spans(3, 8), (std::vector<LayerSpan>{{0, 0}, {1, 1}, {2, 2}}));
  EXPECT_EQ(layer_spans(8, 3), (std::vector<LayerSpan>{{0, 1}, {2, 5}, {6, 7}}));
}

TEST(LayerSpans, AreFewerWhereTimeIsShort) {
  EXPECT_TRUE(affordable_spans(large_target(), 128, 10).empty());
  EXPECT_GE(affordable_spans(large_target(), 128, 3000).size(), 3u);
  EXPECT_LE(affordable_spans(large_target(), 128, 1e9).size(), 8u);
}

TEST(LayerShares, AreTheProbesButForAFifth) {
  const std::vector<LayerLoss> losses{{LayerKind::down, 2, 3, {}, 1e-3},
                                      {LayerKind::qkv, 0, 1, {}, 7},
                                      {LayerKind::down, 0, 1, {}, 3e-3}};
  const std::vector<double> shares = layer_shares(losses, LayerKind::down);
  ASSERT_EQ(shares.size(), 4u);
  EXPECT_NEAR(shares[0], .8 * .375 + .2 / 4, 1e-12);
  EXPECT_NEAR(shares[3], .8 * .125 + .2 / 4, 1e-12);
  EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
  EXPECT_TRUE(layer_shares(losses, LayerKind::qkv).empty());      // one span tells nothing apart
  EXPECT_TRUE(layer_shares(losses, LayerKind::gate_up).empty());  // not measured
  EXPECT_TRUE(layer_shares({{{LayerKind::down, 1, 3, {}, 1.0}, {LayerKind::down, 4, 5, {}, 1.0}}},
                           LayerKind::down)
                  .empty());  // the first layer is missing
}

TEST(LayerLosses, OfSpansAddUpToThatOfTheKind) {
  const DemoQuality demo(3000);
  const auto open = [] { return open_model(kDemo); };
  Target target = demo.target;
  EXPECT_EQ(layer_probe(target), parse_treatment("int3_g64:gptq", "test"));
  target.pack_seconds = 0;
  EXPECT_EQ(layer_probe(target), parse_treatment("int3_g64", "test"));  // as this test affords
  const auto kl = [&](int first, int last) {
    return measure_layer_loss(open, target, LayerKind::down, {first, last}, demo.plan,
                              demo.reference, 1500, nullptr)
        .kl_divergence;
  };
  const int last = target.model.n_layers - 1, middle = last / 2;
  const double whole = kl(0, last), parts = kl(0, middle) + kl(middle + 1, last);
  EXPECT_GT(kl(0, middle), 0);
  EXPECT_GT(whole, 0.5 * parts);
  EXPECT_LT(whole, 2 * parts);
}

TEST(LayerLosses, AsTextAndBack) {
  const LayerLoss loss{LayerKind::gate_up, 2,   5, parse_treatment("int3_g64:gptq", "test"),
                       1e-3 / 3,           1e-4};
  EXPECT_EQ(parse_layer_loss(to_json(loss), "test"), loss);
  EXPECT_NE(refusal([] { parse_layer_loss(R"({"kind":"mlp"})", "memo"); }), "");
}

}  // namespace
}  // namespace paretune
