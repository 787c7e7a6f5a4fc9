#include "profiles/cost_model/cost_terms.h"

#include <gtest/gtest.h>

#include "tests/profiles/cost_model/planted_times.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

// By rows every thread reads all weights, of few rows twice the time; of many rows nothing is lost,
// and threads do not wait for each other.
TEST(CostTermsTest, RowShardingReadsAllWeightsOnEveryThread) {
  Target target = demo_target();
  target.machine.cores = 2;
  const CostTerms terms(target, {}, planted_times(target));
  DeployConfig columns = default_config(target);
  columns.weights = parse_policy("all=int8", "test");
  columns.prefill_threads = columns.decode_threads = 2;
  columns = canonical(columns, target);
  DeployConfig rows = columns, many = columns;
  rows.shard_rows_from = 1;
  many.shard_rows_from = 16;
  const auto seconds = [&](const DeployConfig& config, CostTerm term, int m) {
    return seconds_of(terms.terms(config, Phase::prefill).terms[term],
                      {.phase = Phase::prefill, .rows = m});
  };
  for (const CostTerm term : {kProducts, kProductsShared, kLayersShared})
    EXPECT_EQ(seconds(many, term, 8), seconds(columns, term, 8));
  const double few = seconds(columns, kProducts, 2), most = seconds(columns, kProducts, 256);
  EXPECT_NEAR(seconds(rows, kProducts, 2), 2 * few, 1e-9 * few);
  EXPECT_NEAR(seconds(rows, kProducts, 256), most, 1e-9 * most);
  EXPECT_NEAR(seconds(many, kProducts, 256), most, 1e-9 * most);
  EXPECT_EQ(seconds(columns, kLayersShared, 64), target.model.n_layers);
  for (const CostTerm term : {kProductsShared, kLayersShared}) {
    EXPECT_GT(seconds(columns, term, 64), 0);
    EXPECT_EQ(seconds(rows, term, 64), 0);
  }
  // One row is nobody's to share.
  EXPECT_EQ(seconds(rows, kProducts, 1), seconds(columns, kProducts, 1));
}

}  // namespace
}  // namespace paretune
