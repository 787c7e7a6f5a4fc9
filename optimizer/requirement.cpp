#include "optimizer/requirement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace paretune {
namespace {

struct ShortName {
  std::string_view name, column;
};
constexpr std::array kShortNames{ShortName{"cost", "usd_per_million_output_tokens"},
                                 ShortName{"latency", "latency_ms"},
                                 ShortName{"kl", "kl_divergence"},
                                 ShortName{"throughput", "output_tokens_per_s"},
                                 ShortName{"rate", "max_rate"},
                                 ShortName{"memory", "peak_memory_bytes"},
                                 ShortName{"load", "load_s"}};

// Units of a kind, in multiples of the base that the metric's own unit names.
struct Unit {
  std::string_view kind, name;
  double factor;
};
constexpr std::array kUnits{Unit{"ms", "us", 1e-3},
                            Unit{"ms", "ms", 1},
                            Unit{"ms", "s", 1e3},
                            Unit{"ms", "min", 6e4},
                            Unit{"s", "ms", 1e-3},
                            Unit{"s", "s", 1},
                            Unit{"s", "min", 60},
                            Unit{"bytes", "B", 1},
                            Unit{"bytes", "kB", 1e3},
                            Unit{"bytes", "MB", 1e6},
                            Unit{"bytes", "GB", 1e9},
                            Unit{"bytes", "TB", 1e12},
                            Unit{"bytes", "KiB", 0x1p10},
                            Unit{"bytes", "MiB", 0x1p20},
                            Unit{"bytes", "GiB", 0x1p30},
                            Unit{"bytes", "TiB", 0x1p40},
                            Unit{"$/M", "$", 1},
                            Unit{"$/M", "$/M", 1},
                            Unit{"fraction", "%", 0.01},
                            Unit{"requests/s", "/s", 1},
                            Unit{"requests/s", "rps", 1},
                            Unit{"requests/s", "requests/s", 1},
                            Unit{"tokens/s", "tokens/s", 1}};

// A column's unit is in its name.
std::string_view unit_kind(std::string_view column) {
  if (column.find("_ms") != column.npos) return "ms";
  if (column.ends_with("_bytes")) return "bytes";
  if (column.starts_with("usd_")) return "$/M";
  if (column.find("tokens_per_s") != column.npos) return "tokens/s";
  if (column.ends_with("_s")) return "s";
  if (column == "max_rate" || column == "goodput") return "requests/s";
  if (column.ends_with("_fraction") || column == "accuracy" || column == "slo_attainment")
    return "fraction";
  return "";
}

[[noreturn]] void fail(std::string_view text, const std::string& found,
                       const std::string& allowed) {
  throw std::runtime_error('"' + std::string(text) + "\": found " + found +
                           ", allowed: " + allowed);
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string statistics() {
  std::string all = "mean";
  for (const Percentile& percentile : kPercentiles) all += ", " + std::string(percentile.name);
  return all;
}

// "ttft" of ttft_ms; "e2e" of e2e_latency_ms.
std::string_view short_name(const LatencyMetric& metric) {
  return metric.name.substr(0, metric.name.find('_'));
}

void read_metric(Requirement& out, std::string_view text, std::string_view metric) {
  const auto colon = metric.find(':');
  const std::string_view name = trimmed(metric.substr(0, colon));
  const std::string_view statistic = colon == metric.npos ? "" : trimmed(metric.substr(colon + 1));
  for (const LatencyMetric& row : kLatencyMetrics) {
    if (name != row.name && name != short_name(row)) continue;
    const auto percentile = std::ranges::find(
        kPercentiles, statistic == "p99p9" ? "p99.9" : statistic, &Percentile::name);
    if (percentile == kPercentiles.end() && statistic != "mean")
      fail(text, statistic.empty() ? std::string(name) + " alone" : quoted(statistic),
           std::string(name) + ": and one of " + statistics());
    out.latency = &row;
    out.percentile = statistic == "mean" ? -1 : static_cast<int>(percentile - kPercentiles.begin());
    out.name = std::string(short_name(row)) + ":" +
               (statistic == "mean" ? "mean" : std::string(percentile->name));
    out.unit = "ms";
    return;
  }
  const auto alias = std::ranges::find(kShortNames, name, &ShortName::name);
  const std::string_view column = alias == kShortNames.end() ? name : alias->column;
  for (const TrialColumn& row : trial_columns()) {
    if (row.name != column) continue;
    if (colon != metric.npos) fail(text, quoted(metric), quoted(name) + " without a statistic");
    out.column = row.value;
    out.name = name;
    out.unit = unit_kind(column) == "fraction" ? "" : unit_kind(column);
    return;
  }
  fail(text, "the unknown metric " + quoted(name), known_metrics());
}

double read_limit(std::string_view text, std::string_view number, std::string_view kind) {
  double value = 0;
  if (number.starts_with('$')) number.remove_prefix(1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || !std::isfinite(value))
    fail(text, quoted(number), "a number, and a unit if need be");
  const std::string_view unit = trimmed({end, number.data() + number.size()});
  if (unit.empty()) return value;
  std::string known;
  for (const Unit& row : kUnits) {
    if (row.kind != kind) continue;
    if (row.name == unit) return value * row.factor;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  fail(text, "the unit " + quoted(unit), known.empty() ? "no unit" : known);
}

}  // namespace

double Requirement::value(const LoadRun& run) const {
  const Distribution& d = run.latency.of(*latency);
  if (d.samples == 0) return std::numeric_limits<double>::quiet_NaN();
  return percentile < 0 ? d.mean : d.percentiles[static_cast<std::size_t>(percentile)].value;
}

double Requirement::value(const Trial& trial) const {
  return column ? column(trial) : value(trial.measurement.speed.at_workload);
}

bool Requirement::holds(double found) const {
  if (side == Side::at_most) return strict ? found < limit : found <= limit;
  return strict ? found > limit : found >= limit;
}

double Requirement::excess(double found) const {
  constexpr double kUnknown = 1e6;  // nothing is farther than what was not measured
  if (holds(found)) return 1;
  if (std::isnan(found)) return kUnknown;
  const double more = side == Side::at_most ? found : limit;
  const double less = side == Side::at_most ? limit : found;
  // A miss by nothing ("<" met by equality) is a miss all the same.
  return less > 0 ? std::clamp(more / less, 1 + 1e-9, kUnknown) : 2;
}

std::string known_metrics() {
  std::string all;
  for (const LatencyMetric& metric : kLatencyMetrics)
    all += std::string(all.empty() ? "" : ", ") + std::string(short_name(metric));
  all += " (each with :mean";
  for (const Percentile& percentile : kPercentiles) all += " :" + std::string(percentile.name);
  all += ")";
  for (const ShortName& row : kShortNames) all += ", " + std::string(row.name);
  for (const TrialColumn& column : trial_columns()) all += ", " + std::string(column.name);
  return all;
}

Requirement parse_requirement(std::string_view text, Side side) {
  Requirement out{.text = std::string(text), .side = side};
  const auto at = text.find_first_of("<>=");
  const std::string allowed = side == Side::at_most
                                  ? "METRIC<NUMBER, as ttft:p95<300ms (--max takes < or <=)"
                                  : "METRIC>NUMBER, as accuracy>0.95 (--min takes > or >=)";
  if (at == text.npos || at == 0) fail(text, at == 0 ? "no metric" : "no comparison", allowed);
  const char direction = text[at];
  const bool inclusive = direction == '=' || text.substr(at + 1).starts_with('=');
  if (direction != '=' && (direction == '<') != (side == Side::at_most))
    fail(text, quoted(text.substr(at, 1)), allowed);
  out.strict = !inclusive;
  read_metric(out, text, trimmed(text.substr(0, at)));
  const std::string_view number =
      trimmed(text.substr(at + (inclusive && direction != '=' ? 2 : 1)));
  std::string_view kind = out.unit;
  if (out.column && unit_kind(out.name) == "fraction") kind = "fraction";
  out.limit = read_limit(text, number, kind);
  return out;
}

}  // namespace paretune
