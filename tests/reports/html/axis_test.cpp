#include "reports/html/axis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace paretune {
namespace {

TEST(Axis, LinearUpToTenfoldAndLogarithmicBeyond) {
  EXPECT_FALSE(Axis(std::vector{1.0, 10.0}).logarithmic());
  EXPECT_TRUE(Axis(std::vector{1.0, 10.1}).logarithmic());
}

TEST(Axis, KeepsOrderWithinTheUnitInterval) {
  for (const auto& values : {std::vector{1.0, 2.0, 3.0}, std::vector{0.001, 0.1, 30.0},
                             std::vector{0.0, 1e-5, 1.0}, std::vector{0.0, 1.0, 2.0}}) {
    const Axis axis(values);
    double last = -1;
    for (double value : values) {
      EXPECT_GT(axis.at(value), last);
      last = axis.at(value);
    }
    EXPECT_LT(last, 1);
  }
}

TEST(Axis, ZeroHasASlotBeforeALogarithmicScale) {
  const Axis axis(std::vector{0.0, 1e-4, 0.1});
  EXPECT_TRUE(axis.zero_slot());
  EXPECT_LT(axis.at(0), Axis::kScaleBegin);
  EXPECT_GT(axis.at(1e-4), Axis::kScaleBegin);
  EXPECT_EQ(axis.ticks().front().text, "0");
}

TEST(Axis, AllIsDefinedWhereThereIsNothingToShow) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const auto& values : {std::vector<double>{}, std::vector{0.0}, std::vector{5.0},
                             std::vector<double>{inf, std::nan("")}}) {
    const Axis axis(values);
    for (double value : {0.0, 5.0, inf, std::nan("")}) {
      EXPECT_GE(axis.at(value), 0);
      EXPECT_LE(axis.at(value), 1);
    }
    EXPECT_FALSE(axis.ticks().empty());
    EXPECT_LT(axis.ticks().size(), 15u);
  }
}

TEST(RoundValues, AreMultiplesOfOneTwoOrFive) {
  EXPECT_EQ(round_values(0, 10), (std::vector{0.0, 2.0, 4.0, 6.0, 8.0, 10.0}));
  EXPECT_EQ(round_values(99, 101).size(), 5u);
}

}  // namespace
}  // namespace paretune
