#include "reports/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace paretune {
namespace {

std::string fixed(double value, int decimals) {
  char buffer[512];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, decimals).ptr;
  std::string text(buffer, end);
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  if (zero && text[0] == '-') text.erase(0, 1);
  return text;
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::string number_text(double value, int digits) {
  if (std::isnan(value)) return "unknown";
  if (std::isinf(value)) return value > 0 ? "unbounded" : "-unbounded";
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size < 1e-4 || size >= 1e9) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                   std::chars_format::scientific, digits - 1)
                         .ptr;
    return {buffer, end};
  }
  const int decimals = std::max(0, digits - 1 - static_cast<int>(std::floor(std::log10(size))));
  return without_trailing_zeros(fixed(value, decimals));
}

std::string exact_number(double value) {
  if (!std::isfinite(value)) return "";
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

std::string count_text(double value) {
  if (!std::isfinite(value) || std::abs(value) >= 1e15) return number_text(value);
  std::string digits = fixed(value, 0);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, 1, ',');
  return digits;
}

std::string usd_text(double value) {
  return std::isfinite(value) ? "$" + number_text(value) : number_text(value);
}

std::string percent_text(double fraction) {
  const double percent = 100 * fraction;
  if (!std::isfinite(percent)) return number_text(percent);
  std::string text = without_trailing_zeros(fixed(percent, 1));
  for (int decimals = 2; decimals <= 6; ++decimals) {
    const bool hides = (text == "0" && percent != 0) || (text == "100" && percent != 100);
    if (!hides) break;
    text = without_trailing_zeros(fixed(percent, decimals));
  }
  return text + " %";
}

std::string signed_percent_text(double fraction, int decimals) {
  const double percent = 100 * fraction;
  if (!std::isfinite(percent)) return number_text(percent);
  const std::string text = without_trailing_zeros(fixed(percent, decimals)) + " %";
  if (text == "0 %") return "±0 %";
  return percent > 0 ? "+" + text : text;
}

std::string times_text(double ratio) {
  if (!std::isfinite(ratio)) return number_text(ratio);
  return fixed(ratio, ratio < 10 ? 1 : 0) + "×";
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  return number_text(value) + kUnits[unit];
}

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 60) return number_text(seconds) + " s";
  const auto whole = static_cast<std::int64_t>(std::llround(std::min(seconds, 1e15)));
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string interval_text(const Estimate& estimate) {
  if (estimate.low == estimate.high) return "";
  if (std::isinf(estimate.high)) return "at least " + number_text(estimate.low);
  return number_text(estimate.low) + " to " + number_text(estimate.high);
}

std::string estimate_text(const Estimate& estimate) {
  const std::string interval = interval_text(estimate);
  return number_text(estimate.value) + (interval.empty() ? "" : " (" + interval + ")");
}

std::string plus_minus_text(double value, double standard_error) {
  if (!std::isfinite(value) || !std::isfinite(standard_error) || standard_error <= 0) {
    return number_text(value);
  }
  constexpr int kMostDecimals = 7;  // beyond, nobody counts the zeros
  const int decimals = std::max(1 - static_cast<int>(std::floor(std::log10(standard_error))), 0);
  if (decimals > kMostDecimals && std::abs(value) < 1e-4)
    return number_text(value) + " ± " + number_text(standard_error, 2);
  return fixed(value, std::min(decimals, 12)) + " ± " +
         fixed(standard_error, std::min(decimals, 12));
}

}  // namespace paretune
