#include "optimizer/prediction_accuracy.h"

#include <gtest/gtest.h>

#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

TEST(PredictionAccuracy, ComparesWhatRanWithWhatWasPredicted) {
  Study study = sample_study();
  const PredictionError cost = prediction_error(study, kPredictedMetrics[0]);
  EXPECT_EQ(cost.configs, 4);
  EXPECT_NEAR(cost.median, 0.1, 1e-12);
  EXPECT_NEAR(cost.bias, 1.1, 1e-12);
  EXPECT_NEAR(cost.rank_correlation, 1, 1e-12);
  EXPECT_NEAR(prediction_error(study, kPredictedMetrics[1]).median, 0.2, 1e-12);
  // Neither an unknown divergence nor one of 0 can be compared.
  EXPECT_EQ(prediction_error(study, kPredictedMetrics[3]).configs, 2);

  study.trials[1].measurement.outcome = Outcome::crashed;
  EXPECT_EQ(prediction_error(study, kPredictedMetrics[0]).configs, 3);
  for (Trial& trial : study.trials) trial.predicted.reset();
  EXPECT_FALSE(has_predictions(study));
  EXPECT_EQ(prediction_error(study, kPredictedMetrics[0]).configs, 0);
}

}  // namespace
}  // namespace paretune
