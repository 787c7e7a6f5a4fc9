#include "runtime/compression/uncertainty.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

class UncertaintyTest : public testing::Test {
 protected:
  UncertaintyTest() {
    const auto [vocabulary, width] = source_->weight_shape(Weight::output);
    weights_.resize(static_cast<std::size_t>(vocabulary * width));
    source_->read_rows(Weight::output, 0, 0, vocabulary, weights_);
    d_ = static_cast<std::size_t>(width);
  }
  // Rows that look along one token's weights, the more so the later they are.
  std::vector<float> inputs(std::size_t rows) const {
    std::mt19937_64 rng(1);
    std::normal_distribution<float> normal;
    std::vector<float> x(rows * d_);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t row = i / d_;
      x[i] = normal(rng) + 30 * float(row) / float(rows) * weights_[7 * row % 1000 * d_ + i % d_];
    }
    return x;
  }
  const std::unique_ptr<ModelSource> source_ = open_model(kDemo);
  std::vector<float> weights_;
  std::size_t d_ = 0;
};

TEST_F(UncertaintyTest, IsOneLessTheSumOfSquaredProbabilities) {
  const std::vector<float> x = inputs(300);  // and a vocabulary of some blocks
  std::vector<float> found(300);
  uncertainty(*source_, x, found);
  for (const std::size_t row : {0u, 150u, 255u, 256u, 299u}) {
    std::vector<double> logits;
    for (std::size_t token = 0; token < weights_.size() / d_; ++token) {
      double sum = 0;
      for (std::size_t i = 0; i < d_; ++i)
        sum += double(x[row * d_ + i]) * weights_[token * d_ + i];
      logits.push_back(sum);
    }
    const double largest = std::ranges::max(logits);
    double sum = 0, squares = 0;
    for (const double logit : logits) {
      sum += std::exp(logit - largest);
      squares += std::exp(2 * (logit - largest));
    }
    EXPECT_NEAR(found[row], 1 - squares / (sum * sum), 1e-4) << row;
  }
}

TEST_F(UncertaintyTest, RowsInSharesAreThoseTogether) {
  const std::vector<float> x = inputs(600);
  std::vector<float> together(600), shares(600);
  uncertainty(*source_, x, together);
  constexpr std::size_t kRows = kUncertainRows;
  for (std::size_t at = 0; at < 600; at += kRows) {
    const std::size_t count = std::min(kRows, 600 - at);
    uncertainty(*source_, std::span(x).subspan(at * d_, count * d_),
                std::span(shares).subspan(at, count));
  }
  EXPECT_EQ(together, shares);
}

TEST(Uncertainty, WeightsHaveAMeanSquareOfOne) {
  std::vector<float> weights{0, 0.5f, 1, 0.1f}, sure(3, 0.0f);
  to_row_weights(weights);
  EXPECT_EQ(weights[0], 0);
  EXPECT_NEAR(weights[2] / weights[3], std::sqrt(10), 1e-5);
  double squares = 0;
  for (const float w : weights) squares += double(w) * w;
  EXPECT_NEAR(squares, 4, 1e-5);
  to_row_weights(sure);
  EXPECT_EQ(sure, std::vector<float>(3, 1.0f));
}

}  // namespace
}  // namespace paretune
