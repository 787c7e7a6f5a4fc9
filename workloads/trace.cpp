#include "workloads/trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string>

#include "workloads/length.h"
#include "workloads/strict_json.h"
#include "workloads/text_file.h"

namespace paretune {

namespace {

constexpr std::size_t kMaxTraceBytes = std::size_t{1} << 30;
constexpr std::string_view kAzureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens";

std::string line_of(std::string_view file, int line) {
  return std::string(file) + ":" + std::to_string(line);
}

[[noreturn]] void refuse(const std::string& where, std::string_view found,
                         std::string_view allowed) {
  throw std::runtime_error(where + ": found \"" + std::string(found.substr(0, 80)) +
                           "\", allowed: " + std::string(allowed));
}

// Arrivals after the first one; a trace is a log, so its lines need not be in order.
std::vector<TraceRow> from_first(std::vector<TraceRow> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const TraceRow& a, const TraceRow& b) { return a.arrival_s < b.arrival_s; });
  const double start = rows.empty() ? 0 : rows.front().arrival_s;
  for (TraceRow& row : rows) row.arrival_s -= start;
  return rows;
}

// Digits only, all of `text`; -1 if not.
int digits(std::string_view text) {
  int value = -1;
  if (text.empty() || text[0] == '-') return -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : -1;
}

int token_count(std::string_view text, const std::string& where, std::string_view column) {
  const int n = digits(text);
  if (n < 0 || n > kMaxSeqLen)
    refuse(where, text,
           std::string(column) + " as an integer from 0 to " + std::to_string(kMaxSeqLen));
  return std::max(n, 1);
}

// Days from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
int days_from_civil(int y, int m, int d) {
  y -= m <= 2;
  const int era = y / 400;
  const int year_of_era = y - era * 400;
  const int day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

// "2023-11-16 18:17:03.9799600", in 2024 "2024-05-10 00:00:00.009930+00:00" (always UTC), as
// seconds after `epoch_day` (the first row's day, which keeps the microseconds in a double). The
// fraction may be absent.
double timestamp_s(std::string_view text, int& epoch_day, const std::string& where) {
  constexpr std::string_view kAllowed = "a time as 2023-11-16 18:17:03.9799600";
  std::string_view t = text;
  if (t.ends_with("+00:00")) t.remove_suffix(6);
  const auto field = [&](std::size_t begin, std::size_t size, int min, int max) {
    const int value = t.size() >= begin + size ? digits(t.substr(begin, size)) : -1;
    if (value < min || value > max) refuse(where, text, kAllowed);
    return value;
  };
  const int year = field(0, 4, 1970, 9999), month = field(5, 2, 1, 12), day = field(8, 2, 1, 31);
  const int hour = field(11, 2, 0, 23), minute = field(14, 2, 0, 59), second = field(17, 2, 0, 60);
  if (t[4] != '-' || t[7] != '-' || (t[10] != ' ' && t[10] != 'T') || t[13] != ':' || t[16] != ':')
    refuse(where, text, kAllowed);
  double fraction = 0;
  if (t.size() > 19) {
    const std::string_view tail = t.substr(20);
    if (t[19] != '.' || tail.empty() || tail.size() > 9 || digits(tail) < 0)
      refuse(where, text, kAllowed);
    fraction = digits(tail) / std::pow(10.0, double(tail.size()));
  }
  const int days = days_from_civil(year, month, day);
  if (epoch_day < 0) epoch_day = days;
  return (days - epoch_day) * 86400.0 + hour * 3600.0 + minute * 60.0 + second + fraction;
}

bool looks_azure(std::string_view line) { return line.starts_with("TIMESTAMP,"); }

std::vector<TraceRow> parse_azure(std::string_view text, std::string_view file) {
  int line_number = 1;
  int epoch_day = -1;
  if (const std::string_view header = take_line(text); header != kAzureHeader)
    refuse(line_of(file, 1), header, "the header " + std::string(kAzureHeader));
  std::vector<TraceRow> rows;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::string where = line_of(file, ++line_number);
    if (line.empty() && trimmed(text).empty()) break;
    const std::size_t first = line.find(',');
    const std::size_t second = first == line.npos ? first : line.find(',', first + 1);
    if (second == line.npos || line.find(',', second + 1) != line.npos)
      refuse(where, line, "three fields, " + std::string(kAzureHeader));
    rows.push_back(
        {.arrival_s = timestamp_s(line.substr(0, first), epoch_day, where),
         .input_tokens =
             token_count(line.substr(first + 1, second - first - 1), where, "ContextTokens"),
         .output_tokens = token_count(line.substr(second + 1), where, "GeneratedTokens")});
  }
  return rows;
}

bool looks_mooncake(std::string_view line) { return line.starts_with('{'); }

std::vector<TraceRow> parse_mooncake(std::string_view text, std::string_view file) {
  constexpr Range kTokens{0, kMaxSeqLen};
  constexpr double kMaxExact = 9007199254740992.0;  // 2^53
  const std::vector<std::string> keys{"timestamp", "input_length", "output_length", "hash_ids"};
  std::vector<TraceRow> rows;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::string_view line = trimmed(take_line(text));
    if (line.empty()) continue;
    const nlohmann::json json = parse_strict_json(line, line_of(file, line_number));
    const JsonPlace place(json, line_of(file, line_number));
    place.expect_keys(keys);
    for (const std::string& key : keys)
      if (key != "hash_ids" && !place.find(key)) place.refuse_missing(key, "a number");
    TraceRow row{.arrival_s = place.at("timestamp").number({0, kMaxExact}) / 1000,
                 .input_tokens = std::max(1, int(place.at("input_length").integer(kTokens))),
                 .output_tokens = std::max(1, int(place.at("output_length").integer(kTokens)))};
    if (place.find("hash_ids")) {
      const JsonPlace ids = place.at("hash_ids");
      const std::size_t n = ids.expect_array(0, kMaxSeqLen / kMooncakeBlockTokens + 1);
      for (std::size_t i = 0; i < n; ++i)
        row.prefix_blocks.push_back(ids.at(i).integer({-kMaxExact, kMaxExact}));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

constexpr TraceFormat kAzureCsv{"azure_csv", looks_azure, parse_azure};
constexpr TraceFormat kMooncakeJsonl{"mooncake_jsonl", looks_mooncake, parse_mooncake};

std::vector<TraceRow> parse_trace(std::string_view text, std::string_view file,
                                  const TraceFormat* format) {
  text = without_bom(text);
  std::string_view rest = text;
  const std::string_view first = take_line(rest);
  for (const TraceFormat* known : kTraceFormats)
    if (!format && known->looks_like(first)) format = known;
  if (!format)
    refuse(line_of(file, 1), first,
           "azure_csv (the header " + std::string(kAzureHeader) +
               ") or mooncake_jsonl (a JSON object)");
  std::vector<TraceRow> rows = from_first(format->parse(text, file));
  if (rows.empty())
    throw std::runtime_error(std::string(file) + ": found no rows, allowed: at least one");
  return rows;
}

std::vector<TraceRow> load_trace(const std::filesystem::path& file, const TraceFormat* format) {
  return parse_trace(read_text_file(file, kMaxTraceBytes), file.string(), format);
}

}  // namespace paretune
