// Numbers as text: one way in all reports, the same in every locale. What is unbounded or unknown
// says so in words.
#pragma once

#include <cstdint>
#include <string>

#include "profiles/measurement.h"

namespace paretune {

// Three significant digits unless told otherwise, never fewer than the integer part has:
// 0.0123, 12.3, 1234; outside [1e-4, 1e9) as 2.1e-05. Infinite: "unbounded"; not a number:
// "unknown".
std::string number_text(double value, int digits = 3);

std::string exact_number(
    double value);  // shortest text that reads back as the same double; "" where not finite
std::string count_text(double value);  // 36,864; estimates above 1e15 as 1.2e+18
std::string usd_text(double value);    // $0.0123
// 12.3 %, with more decimals where one would round to 0 % or to 100 % what is neither: 99.98 %.
std::string percent_text(double fraction);
// +12.3 %; ±0 % where it rounds to nothing.
std::string signed_percent_text(double fraction, int decimals = 1);
std::string times_text(double ratio);         // 3.0×
std::string bytes_text(std::uint64_t bytes);  // 12.3 MiB
std::string seconds_text(double seconds);     // 12.3 s, 4 min 5 s, 2 h 3 min
std::string interval_text(
    const Estimate& estimate);  // "11.8 to 12.9"; "at least 11.8" where it has no upper end
std::string estimate_text(const Estimate& estimate);  // "12.3 (11.8 to 12.9)"
std::string plus_minus_text(double value,
                            double standard_error);  // "0.712 ± 0.013", digits set by the error

}  // namespace paretune
