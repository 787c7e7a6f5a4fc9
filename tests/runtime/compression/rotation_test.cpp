#include "runtime/compression/rotation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "runtime/compression/calibration.h"
#include "runtime/engine/pack_cache.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

std::vector<float> gaussian(std::size_t n, int seed) {
  std::mt19937_64 rng(static_cast<std::uint64_t>(seed));
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = normal(rng);
  return values;
}
double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * b[i];
  return sum;
}

TEST(Rotation, KeepsAnglesAndSpreadsWhatIsAlone) {
  for (const std::size_t d : {64, 96, 7}) {
    std::vector<float> a = gaussian(d, 1), b = gaussian(d, 2);
    const double aa = dot(a, a), ab = dot(a, b);
    rotate_stream(a);
    rotate_stream(b);
    EXPECT_NEAR(dot(a, a), aa, 1e-4 * aa) << d;
    EXPECT_NEAR(dot(a, b), ab, 1e-4 * aa) << d;
  }
  std::vector<float> one(64, 0.0f);
  one[5] = 8;
  rotate_stream(one);
  for (const float v : one) EXPECT_FLOAT_EQ(std::fabs(v), 1);
}

TEST(Rotation, RowsTurnAsVectorsDo) {
  std::vector<float> w = gaussian(48 * 3, 3), column(48);
  for (std::size_t i = 0; i < 48; ++i) column[i] = w[3 * i + 1];
  rotate_stream_rows(w, 48, 3);
  rotate_stream(column);
  for (std::size_t i = 0; i < 48; ++i) EXPECT_EQ(w[3 * i + 1], column[i]);
}

std::vector<float> logits(const ModelSource& source) {
  const Target target{this_machine(), source.shape()};
  DeployConfig config = exact_config(target);
  ThreadPool pool(2);
  const Model model(source, config, pool);
  std::vector<int> prompt(20);
  for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int>(i * 7 + 1) % 100;
  return all_logits(model, config, pool, prompt);
}

TEST(Rotation, OfAModelChangesNothingButItsWeights) {
  const SyntheticModel experts("tiny-moe");
  for (const std::filesystem::path& file : {std::filesystem::path(kDemo), experts.file()}) {
    const auto plain = open_model(file);
    const auto turned = rotated(open_model(file));
    EXPECT_NE(turned->variant(), plain->variant());
    std::vector<float> norm(static_cast<std::size_t>(plain->shape().d_model));
    turned->read_rows(Weight::ffn_norm, 0, 0, 1, norm);
    EXPECT_EQ(norm, std::vector<float>(norm.size(), 1.0f));
    const std::vector<float> expected = logits(*plain), found = logits(*turned);
    EXPECT_LT(largest_error(found, expected), 2e-4f) << file;
    EXPECT_NE(found, expected) << file;
  }
}

// So that what calibrates it does not depend on which of the two was calibrated first.
TEST(Rotation, IsCalibratedOnWhatTheStoredModelSays) {
  const TemporaryFolder folder;
  const SyntheticModel tiny("tiny");
  const auto statistics = [&](bool turned, PackCache* packs) {
    std::unique_ptr<ModelSource> source = tiny.open();
    if (turned) source = rotated(std::move(source));
    const Calibration calibration = calibrate(*source, packs);
    const auto down = calibration.statistics(InputSite::down, 1).mean_squares;
    return std::vector<float>(down.begin(), down.end());
  };
  PackCache one(folder.path() / "one", std::uint64_t(1) << 30);
  PackCache other(folder.path() / "other", std::uint64_t(1) << 30);
  const std::vector<float> plain = statistics(false, &one), turned = statistics(true, &one);
  EXPECT_EQ(statistics(true, &other), turned);
  // The inputs of down are not turned: but for bf16 they are the same.
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_NEAR(turned[i], plain[i], 0.05f * plain[i] + 1e-4f);
}

// A tied head reads the embeddings before they are scaled by the last norm.
TEST(Rotation, TiedHeadsTakeTheNormAndEmbeddingsDoNot) {
  const TemporaryFolder folder;
  const ModelShape shape = tiny_shape("qwen3");
  ModelShape tied = shape;
  tied.tied_output = true;
  const auto file = folder.write("model.gguf", tiny_gguf(tied).build());
  const auto plain = open_model(file);
  const auto turned = rotated(open_model(file));
  const auto d = static_cast<std::size_t>(shape.d_model);
  std::vector<float> row(d), norm(d), found(d);
  plain->read_rows(Weight::token_embedding, 0, 1, 2, row);
  plain->read_rows(Weight::output_norm, 0, 0, 1, norm);
  std::vector<float> scaled = row;
  for (std::size_t i = 0; i < d; ++i) scaled[i] *= norm[i];
  rotate_stream(row);
  rotate_stream(scaled);
  turned->read_rows(Weight::token_embedding, 0, 1, 2, found);
  EXPECT_EQ(found, row);
  turned->read_rows(Weight::output, 0, 1, 2, found);
  EXPECT_EQ(found, scaled);
}

}  // namespace
}  // namespace paretune
