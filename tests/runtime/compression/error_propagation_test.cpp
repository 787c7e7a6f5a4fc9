#include "runtime/compression/error_propagation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "runtime/compression/calibration_pass.h"
#include "runtime/compression/calibration_texts.h"
#include "runtime/compression/layer_window.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"

namespace paretune {
namespace {

// What enters the output head, of every token.
class Last final : public InputObserver {
 public:
  std::vector<float> x;
  explicit Last(std::size_t width) : width_(width) {}
  void observe(InputSite site, int, int rows, const float* from, Team& team) override {
    if (site == InputSite::output && team.rank() == 0)
      x.assign(from, from + static_cast<std::size_t>(rows) * width_);
    team.barrier();
  }

 private:
  std::size_t width_;
};

TEST(LayerWindow, LayersOneByOneAreTheModel) {
  for (const char* shape : {"tiny", "tiny-moe"}) {
    const auto source = SyntheticModel(shape).open();
    const DeployConfig config = calibration_config(source->shape());
    const auto d = static_cast<std::size_t>(source->shape().d_model);
    ThreadPool pool(2);
    const std::vector<std::vector<int>> tokens{{1, 5, 9, 2}, {7, 3}}, rows{{0, 1, 2, 3}, {4, 5}};
    Last whole(d), last(d);
    Workspace workspace;
    workspace.observer = &whole;
    CalibrationPass(source->shape(), config, tokens)
        .run(Model(*source, config, pool), pool, workspace);

    std::vector<float> stream(6 * d);
    for (std::size_t i = 0; i < 6; ++i) {
      const int token = i < 4 ? tokens[0][i] : tokens[1][i - 4];
      source->read_rows(Weight::token_embedding, 0, token, token + 1,
                        std::span(stream).subspan(i * d, d));
    }
    const CalibrationPass pass(LayerWindow(*source, 0).shape(), config, rows);
    for (int layer = 0; layer < source->shape().n_layers; ++layer) {
      LayerWindow window(*source, layer);
      PacksInMemory packs;
      for (int again = 0; again < 2; ++again) {  // packed, and found
        const Model model(window, config, pool, {}, &packs);
        Workspace one;
        one.observer = &last;
        window.show(stream);
        pass.run(model, pool, one);
        if (again > 0) std::copy_n(one.x.begin(), stream.size(), stream.begin());
      }
    }
    EXPECT_EQ(last.x, whole.x) << shape;
  }
}

TEST(ErrorPropagation, ChangesNothingWhereNoQuantizerAsksForIt) {
  auto source = SyntheticModel("tiny").open();
  const ModelSource* const before = source.get();
  Calibration none(source->shape());
  const Policy policy = parse_policy("all=int3_g64:quantease", "test");
  EXPECT_EQ(propagate_errors(std::move(source), policy, none, nullptr).get(), before);
}

// Only the matrices that ask for it are corrected, and of the first layer's qkv, before which
// nothing is rounded, nothing is to be made good for.
TEST(ErrorPropagation, CorrectsTheMatricesThatAskForIt) {
  const SyntheticModel tiny("tiny");
  const auto original = tiny.open();
  Calibration statistics = calibrate(*original, nullptr);
  const Policy policy = parse_policy("linear=int2_g32:qep,gate_up=int8,output=int8", "test");
  const Calibration before = statistics;
  const auto corrected = propagate_errors(tiny.open(), policy, statistics, nullptr);
  EXPECT_NE(corrected->variant(), original->variant());
  const auto row = [](const ModelSource& source, Weight weight, int layer) {
    std::vector<float> values(static_cast<std::size_t>(source.weight_shape(weight)[1]));
    source.read_rows(weight, layer, 3, 4, values);
    return values;
  };
  const auto same = [&](Weight weight, int layer) {
    return row(*corrected, weight, layer) == row(*original, weight, layer);
  };
  EXPECT_TRUE(same(Weight::attn_q, 0));
  EXPECT_FALSE(same(Weight::attn_output, 0));
  EXPECT_FALSE(same(Weight::ffn_down, 1));
  EXPECT_TRUE(same(Weight::ffn_up, 1));
  EXPECT_TRUE(same(Weight::output, 0));
  const auto moments = [](const Calibration& of, InputSite site, int layer) {
    const auto found = of.statistics(site, layer).second_moments;
    return std::vector<float>(found.begin(), found.end());
  };
  EXPECT_NE(moments(statistics, InputSite::down, 1), moments(before, InputSite::down, 1));
  EXPECT_EQ(moments(statistics, InputSite::gate_up, 1), moments(before, InputSite::gate_up, 1));
}

TEST(ErrorPropagation, LosesLessThanRoundingEachMatrixByItself) {
  const SyntheticModel tiny("tiny");
  const Target target{this_machine(), tiny.open()->shape()};
  DeployConfig config = exact_config(target);
  ThreadPool pool(2);
  const std::vector<int> tokens{1, 8, 3, 40, 7, 7, 90, 21, 15, 60, 2, 33};
  const auto logits = [&](const char* weights) {
    config.weights = parse_policy(weights, "test");
    const LoadedModel model = load_model(tiny.open(), config);
    return all_logits(*model.model, config, pool, tokens);
  };
  const std::vector<float> exact = logits("all=f32");
  const auto error = [&](const char* weights) { return squared_distance(logits(weights), exact); };
  const double alone = error("all=int2_g32:quantease");
  EXPECT_LT(error("all=int2_g32:qep"), 0.95 * alone);
}

}  // namespace
}  // namespace paretune
