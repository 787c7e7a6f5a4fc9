#include "reports/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <locale>

namespace paretune {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Number, HasThreeSignificantDigitsAndNeverCutsTheIntegerPart) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(12.345), "12.3");
  EXPECT_EQ(number_text(0.012345), "0.0123");
  EXPECT_EQ(number_text(123456), "123456");
  EXPECT_EQ(number_text(2), "2");
  EXPECT_EQ(number_text(-0.5), "-0.5");
  EXPECT_EQ(number_text(2.1e-5), "2.10e-05");
  EXPECT_EQ(number_text(kInf), "unbounded");
  EXPECT_EQ(number_text(NAN), "unknown");
}

TEST(Number, PercentNeverRoundsToAllOrNothingWhatIsNeither) {
  EXPECT_EQ(percent_text(0.1234), "12.3 %");
  EXPECT_EQ(percent_text(1), "100 %");
  EXPECT_EQ(percent_text(0.99976), "99.98 %");
  EXPECT_EQ(percent_text(0.0002), "0.02 %");
  EXPECT_EQ(percent_text(0), "0 %");
  EXPECT_EQ(signed_percent_text(0.05), "+5 %");
  EXPECT_EQ(signed_percent_text(-0.05), "-5 %");
  EXPECT_EQ(signed_percent_text(-0.0001), "±0 %");
}

TEST(Number, OtherUnits) {
  EXPECT_EQ(count_text(36864), "36,864");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(147456000), "147,456,000");
  EXPECT_EQ(count_text(1.25e18), "1.25e+18");
  EXPECT_EQ(bytes_text(64 << 20), "64 MiB");
  EXPECT_EQ(seconds_text(62.5), "1 min 3 s");
  EXPECT_EQ(seconds_text(7384), "2 h 3 min");
  EXPECT_EQ(usd_text(0.0123), "$0.0123");
  EXPECT_EQ(times_text(2.976), "3.0×");
}

TEST(Number, IntervalsSayWhereTheyHaveNoEnd) {
  EXPECT_EQ(estimate_text({12.34, 11.8, 12.9}), "12.3 (11.8 to 12.9)");
  EXPECT_EQ(estimate_text({12.34, 11.8, kInf}), "12.3 (at least 11.8)");
  EXPECT_EQ(estimate_text({2, 2, 2}), "2");
  EXPECT_EQ(plus_minus_text(0.7123, 0.0132), "0.712 ± 0.013");
  EXPECT_EQ(plus_minus_text(0.7123, 0), "0.712");
  EXPECT_EQ(plus_minus_text(1.4e-11, 2.13e-12), "1.40e-11 ± 2.1e-12");
  EXPECT_EQ(plus_minus_text(1.3e-4, 1.2e-5), "0.000130 ± 0.000012");
}

TEST(Number, ExactReadsBack) {
  for (double value : {0.1, 1.0 / 3, 1e-300, 12345678.9})
    EXPECT_EQ(std::stod(exact_number(value)), value);
  EXPECT_EQ(exact_number(kInf), "");
}

struct DecimalComma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(Number, IsTheSameInEveryLocale) {
  const std::locale before =
      std::locale::global(std::locale(std::locale::classic(), new DecimalComma));
  EXPECT_EQ(number_text(1234.5), "1234");
  EXPECT_EQ(number_text(1.5), "1.5");
  EXPECT_EQ(exact_number(1234.5), "1234.5");
  EXPECT_EQ(count_text(36864), "36,864");
  std::locale::global(before);
}

}  // namespace
}  // namespace paretune
