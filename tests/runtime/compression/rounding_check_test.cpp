#include "runtime/compression/rounding_check.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace paretune {
namespace {

TEST(RoundingCheckTest, RefusesWhatIsFarWorseThanRoundingToNearest) {
  std::vector<float> row(64);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i * 7 % 31) / 10 - 1.5f;
  std::vector<float> near = row, shifted = row;
  for (float& v : near) v += 0.02f;    // a tenth of a step of 4 bits
  for (float& v : shifted) v += 0.4f;  // a zero-point that is two steps off
  RoundingCheck good(kInt4G32, {}), bad(kInt4G32, {});
  good.add(row, near);
  EXPECT_NO_THROW(good.pass("w", kQuantizers[1]));
  bad.add(row, shifted);
  EXPECT_THROW(bad.pass("w", kQuantizers[1]), std::runtime_error);
  // What no input reads does no harm.
  const std::vector<float> unread(row.size(), 0.0f);
  RoundingCheck silent(kInt4G32, unread);
  silent.add(row, shifted);
  EXPECT_NO_THROW(silent.pass("w", kQuantizers[1]));
}

}  // namespace
}  // namespace paretune
