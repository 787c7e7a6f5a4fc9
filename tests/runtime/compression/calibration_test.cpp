#include "runtime/compression/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/engine/pack_cache.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"

namespace paretune {
namespace {

class CalibrationTest : public testing::Test {
 protected:
  static std::vector<float> all(const Calibration& calibration) {
    std::vector<float> values;
    for (int layer = 0; layer < 2; ++layer) {
      for (int site = 0; site < kInputSites; ++site) {
        const InputStatistics s = calibration.statistics(static_cast<InputSite>(site), layer);
        for (const auto& part : {s.second_moments, s.mean_squares, s.maxima})
          values.insert(values.end(), part.begin(), part.end());
      }
    }
    return values;
  }
  const SyntheticModel tiny_{"tiny"};
  const TemporaryFolder folder_;
};

TEST_F(CalibrationTest, MomentsAreSymmetricWithTheSquaresOnTheirDiagonal) {
  const auto source = tiny_.open();
  const Calibration calibration = calibrate(*source, nullptr);
  for (int layer = 0; layer < source->shape().n_layers; ++layer) {
    for (const InputSite site : {InputSite::qkv, InputSite::attention_output, InputSite::gate_up,
                                 InputSite::down, InputSite::output}) {
      const InputStatistics s = calibration.statistics(site, layer);
      ASSERT_EQ(s.k, input_width(source->shape(), site));
      const auto k = static_cast<std::size_t>(s.k);
      ASSERT_EQ(s.second_moments.size(), k * k);
      double trace = 0;
      for (std::size_t i = 0; i < k; ++i) {
        EXPECT_GT(s.mean_squares[i], 0);
        EXPECT_NEAR(s.second_moments[i * k + i], s.mean_squares[i], 1e-3 * s.mean_squares[i]);
        trace += s.mean_squares[i];
        for (std::size_t j = 0; j < i; ++j) {
          const float a = s.second_moments[i * k + j];
          EXPECT_EQ(a, s.second_moments[j * k + i]);
          EXPECT_LE(a * a, s.mean_squares[i] * s.mean_squares[j] * 1.001f);  // Cauchy-Schwarz
        }
      }
      // Rows after an RMS norm with weights of 1 have a mean square of 1, less what its epsilon
      // takes from the small rows of random weights.
      if (site == InputSite::qkv || site == InputSite::gate_up || site == InputSite::output) {
        EXPECT_NEAR(trace / double(k), 1, 5e-2);
      }
    }
  }
}

TEST_F(CalibrationTest, TheSameModelGivesTheSameStatisticsNowAndFromTheCache) {
  const auto source = tiny_.open();
  PackCache packs(folder_.path() / "packs", std::uint64_t(1) << 30);
  const std::vector<float> first = all(calibrate(*source, &packs));
  const int found = packs.found();
  const Calibration again = calibrate(*source, &packs);
  EXPECT_EQ(packs.found(), found + 1);  // squares and maxima; moments when they are asked for
  EXPECT_EQ(all(again), first);
  EXPECT_GE(packs.found(), found + 1 + 3);
  EXPECT_EQ(all(calibrate(*source, nullptr)), first);
}

TEST_F(CalibrationTest, MomentsInTheCacheTakeNoMemory) {
  const auto source = tiny_.open();
  PackCache packs(folder_.path() / "packs", std::uint64_t(1) << 30);
  PackCache full(folder_.path() / "full", 0);  // keeps nothing
  std::size_t vectors = 0, moments = 0;
  const Calibration kept = calibrate(*source, &packs), own = calibrate(*source, &full);
  for (int layer = 0; layer < source->shape().n_layers; ++layer) {
    for (int site = 0; site < kInputSites; ++site) {
      if (static_cast<InputSite>(site) == InputSite::output && layer > 0) continue;
      const InputStatistics s = kept.statistics(static_cast<InputSite>(site), layer);
      vectors += (s.mean_squares.size() + s.maxima.size()) * sizeof(float);
      moments += s.second_moments.size() * sizeof(float);
    }
  }
  EXPECT_EQ(kept.memory_bytes(), vectors);
  EXPECT_EQ(own.memory_bytes(), vectors + moments);
  EXPECT_EQ(all(kept), all(own));
}

// A copy is divided by itself, and what was divided does not come back.
TEST_F(CalibrationTest, DividedMomentsAreThoseOfDividedInputs) {
  const auto source = tiny_.open();
  PackCache packs(folder_.path() / "packs", std::uint64_t(1) << 30);
  const Calibration plain = calibrate(*source, &packs);
  Calibration divided = plain;
  const auto k = static_cast<std::size_t>(plain.statistics(InputSite::down, 1).k);
  std::vector<float> s(k, 1.0f);
  s[3] = 4;
  divided.divide(InputSite::down, 1, s);
  divided.divide(InputSite::down, 1, s);
  const InputStatistics before = plain.statistics(InputSite::down, 1);
  const InputStatistics after = divided.statistics(InputSite::down, 1);
  EXPECT_FLOAT_EQ(after.mean_squares[3], before.mean_squares[3] / 256);
  EXPECT_FLOAT_EQ(after.maxima[3], before.maxima[3] / 16);
  EXPECT_FLOAT_EQ(after.second_moments[3 * k + 3], before.second_moments[3 * k + 3] / 256);
  EXPECT_FLOAT_EQ(after.second_moments[3 * k + 4], before.second_moments[3 * k + 4] / 16);
  EXPECT_EQ(after.second_moments[4 * k + 5], before.second_moments[4 * k + 5]);
  EXPECT_EQ(all(plain), all(calibrate(*source, nullptr)));
}

// A layer's file that is gone: everything is gathered anew.
TEST_F(CalibrationTest, LostFilesAreMadeAgain) {
  const auto source = tiny_.open();
  const auto folder = folder_.path() / "packs";
  const std::vector<float> first = all(calibrate(*source, nullptr));
  {
    PackCache packs(folder, std::uint64_t(1) << 30);
    calibrate(*source, &packs);
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    PackCache packs(folder, std::uint64_t(1) << 30);
    std::filesystem::remove(entry.path());
    EXPECT_EQ(all(calibrate(*source, &packs)), first) << entry.path();
  }
}

TEST_F(CalibrationTest, ExpertsShareThoseOfTheirLayerButForDown) {
  const auto source = SyntheticModel("tiny-moe").open();
  const int experts = source->shape().n_experts;
  const Calibration calibration = calibrate(*source, nullptr);
  const InputStatistics layer = calibration.statistics(InputSite::gate_up, 1);
  EXPECT_GT(layer.mean_squares[0], 0);
  EXPECT_FALSE(layer.second_moments.empty());
  for (const Weight weight : {Weight::expert_gate, Weight::expert_up}) {
    const auto inputs = calibration.inputs_of(weight, 2 * experts - 1);  // layer 1's last
    ASSERT_TRUE(inputs);
    EXPECT_EQ(inputs->second_moments.data(), layer.second_moments.data());
  }
  std::vector<float> squares;
  for (int e = experts; e < 2 * experts; ++e) {
    const auto inputs = calibration.inputs_of(Weight::expert_down, e);
    ASSERT_TRUE(inputs) << e;
    EXPECT_EQ(inputs->k, source->shape().d_ff);
    const auto k = static_cast<std::size_t>(inputs->k);
    ASSERT_EQ(inputs->second_moments.size(), k * k);
    for (std::size_t i = 0; i < k; ++i)
      EXPECT_NEAR(inputs->second_moments[i * k + i], inputs->mean_squares[i],
                  1e-4 * inputs->mean_squares[i] + 1e-12);
    squares.push_back(inputs->mean_squares[0]);
  }
  std::ranges::sort(squares);
  EXPECT_EQ(std::ranges::adjacent_find(squares), squares.end());  // each sees its own
  EXPECT_FALSE(calibration.inputs_of(Weight::ffn_router, 0));
  EXPECT_EQ(calibration.inputs_of(Weight::attn_q, 1)->k, source->shape().d_model);
}

// Methods that look at inputs do better than those that do not.
TEST_F(CalibrationTest, ExpertsAreRoundedByTheirInputs) {
  const SyntheticModel experts("tiny-moe");
  DeployConfig config = exact_config({this_machine(), experts.open()->shape()});
  std::vector<int> prompt = golden_prompt();
  for (int& token : prompt) token %= experts.open()->shape().vocab_size;
  const auto logits = [&](const char* weights) {
    config.weights = parse_policy(weights, "test");
    const LoadedModel model = load_model(experts.open(), config);
    return all_logits(*model.model, config, *model.pool, prompt);
  };
  const auto exact = logits("all=f32");
  for (const std::string kind : {"gate_up", "down"}) {
    const auto lost = [&](const char* method) {
      return squared_distance(logits(("all=f32," + kind + "=int3_g32:" + method).c_str()), exact);
    };
    EXPECT_LT(lost("quantease"), 0.95 * lost("clip")) << kind;
    EXPECT_LT(lost("gptq"), lost("nearest")) << kind;
  }
}

}  // namespace
}  // namespace paretune
