#include "profiles/cost_model/load_metrics.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(PredictionErrorTest, SaysWhatWasPlanted) {
  std::vector<double> measured, predicted;
  for (int i = 1; i <= 100; ++i) {
    measured.push_back(i);
    predicted.push_back(i * (i % 10 == 0 ? 2.0 : 1.05));  // one in ten is off by all of it
  }
  const PredictionError error = prediction_error(predicted, measured);
  EXPECT_EQ(error.configs, 100);
  EXPECT_NEAR(error.median, 0.05, 1e-9);
  EXPECT_NEAR(error.p90, 0.05, 1e-9);  // by nearest rank, the 90th of 100
  EXPECT_NEAR(error.bias, 1.05, 1e-9);
  EXPECT_LT(error.rank_correlation, 1);
  EXPECT_GT(error.rank_correlation, 0.8);
}

TEST(PredictionErrorTest, WhatHasNoValueCountsForNothing) {
  const std::vector<double> measured{0, 2, 4}, predicted{1, 2, 4};
  const PredictionError error = prediction_error(predicted, measured);
  EXPECT_EQ(error.configs, 2);
  EXPECT_EQ(error.median, 0);
  EXPECT_EQ(prediction_error({}, {}).configs, 0);
}

TEST(RankCorrelationTest, OfOrdersAlone) {
  const std::vector<double> x{1, 2, 3, 4}, squares{1, 4, 9, 16}, back{4, 3, 2, 1};
  EXPECT_NEAR(rank_correlation(x, squares), 1, 1e-12);
  EXPECT_NEAR(rank_correlation(x, back), -1, 1e-12);
  EXPECT_EQ(rank_correlation(x, std::vector<double>(4, 1.0)), 0);
  // Ties share their ranks: (1.5, 1.5, 3) against (1, 2, 3).
  EXPECT_NEAR(rank_correlation(std::vector{5.0, 5.0, 9.0}, std::vector{1.0, 2.0, 3.0}),
              0.8660254037844386, 1e-12);
}

}  // namespace
}  // namespace paretune
