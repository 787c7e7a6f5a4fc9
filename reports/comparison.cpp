#include "reports/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "optimizer/intervals.h"
#include "reports/facts.h"
#include "reports/number.h"
#include "reports/text.h"

namespace paretune {
namespace {

constexpr double kZ95 = 1.959964;  // of the standard normal: 95 % within ±z standard errors

struct Metric {
  std::string title;
  std::function<Estimate(const Compared&)> value;
  bool interval = false;
  std::vector<std::string_view> columns;  // of trial_columns() that say the same
};

Estimate plus_minus(double value, double standard_error) {
  return {value, value - kZ95 * standard_error, value + kZ95 * standard_error};
}

Estimate fraction(double value, double standard_error) {
  const Estimate e = plus_minus(value, standard_error);
  return {value, std::max(0.0, e.low), std::min(1.0, e.high)};
}

bool percentile_known(const Compared& c, const LatencyMetric& metric, std::size_t i) {
  return c.trial.measurement.speed.at_workload.latency.of(metric).enough(i);
}

std::vector<Metric> metrics(const Compared& a, const Compared& b) {
  std::vector<Metric> all{{"cost, $/M output tokens",
                           [](const Compared& c) { return cost_estimate(c.trial); },
                           true,
                           {"usd_per_million_output_tokens"}},
                          {"KL divergence, nats",
                           [](const Compared& c) { return quality_estimate(c.trial); },
                           true,
                           {"kl_divergence"}}};
  for (const LatencyMetric& metric : kLatencyMetrics) {
    for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
      if (!percentile_known(a, metric, i) || !percentile_known(b, metric, i)) continue;
      all.push_back(
          {cat({metric.title, " ", kPercentiles[i].name, ", ms"}),
           [&metric, i](const Compared& c) {
             return c.trial.measurement.speed.at_workload.latency.of(metric).percentiles[i];
           },
           true,
           {}});
    }
  }
  all.push_back({"output tokens/s",
                 [](const Compared& c) {
                   const LoadRun& run = cost_run(c.trial);
                   return plus_minus(run.output_tokens_per_s, run.output_tokens_standard_error);
                 },
                 true,
                 {"output_tokens_per_s"}});
  all.push_back({"same top-1",
                 [](const Compared& c) {
                   const Quality& q = c.trial.measurement.quality;
                   return fraction(q.same_top1_fraction, q.same_top1_standard_error);
                 },
                 true,
                 {"same_top1_fraction"}});
  all.push_back({"perplexity ratio",
                 [](const Compared& c) {
                   const Quality& q = c.trial.measurement.quality;
                   return plus_minus(q.perplexity_ratio, q.perplexity_ratio_standard_error);
                 },
                 true,
                 {"perplexity_ratio"}});
  if (!a.trial.measurement.quality.capabilities.empty() &&
      !b.trial.measurement.quality.capabilities.empty()) {
    all.push_back({"accuracy",
                   [](const Compared& c) {
                     const Quality& q = c.trial.measurement.quality;
                     return fraction(q.accuracy, q.accuracy_standard_error);
                   },
                   true,
                   {"accuracy"}});
  }
  for (const TrialColumn& column : trial_columns()) {
    const bool told = std::ranges::any_of(all, [&](const Metric& metric) {
      return std::ranges::find(metric.columns, column.name) != metric.columns.end();
    });
    // The latency percentiles are told above, with their intervals.
    if (told || column.name.find("_ms") != column.name.npos) continue;
    all.push_back({std::string(column.title),
                   [column](const Compared& c) {
                     const double value = column.value(c.trial);
                     return Estimate{value, value, value};
                   },
                   false,
                   {}});
  }
  return all;
}

Cell value_cell(const Estimate& e, bool interval) {
  return {.text = number_text(e.value, 4),
          .sort = e.value,
          .note = interval && (e.low != e.value || e.high != e.value) ? interval_text(e) : ""};
}

std::string verdict(const Estimate& a, const Estimate& b) {
  if (a.low == b.low && a.high == b.high && a.value == b.value) return "equal";
  return a.high < b.low || b.high < a.low ? "apart" : "overlap";
}

}  // namespace

Table knob_comparison(const Compared& a, const Compared& b) {
  Table table{.caption = "Knobs that differ", .columns = {{"knob"}, {a.name}, {b.name}}};
  for (const Change& change : changes(a.trial.config, b.trial.config))
    table.rows.push_back({.cells = {{change.knob}, {change.from}, {change.to}}});
  return table;
}

Table metric_comparison(const Compared& a, const Compared& b) {
  Table table{.caption = "Measured, with 95 % intervals",
              .columns = {{"measured"},
                          {a.name, true},
                          {b.name, true},
                          {cat({b.name, " / ", a.name}), true},
                          {"intervals"}}};
  if (!ran(a.trial) || !ran(b.trial)) return table;
  for (const Metric& metric : metrics(a, b)) {
    const Estimate x = metric.value(a), y = metric.value(b);
    table.rows.push_back({.cells = {{metric.title},
                                    value_cell(x, metric.interval),
                                    value_cell(y, metric.interval),
                                    {x.value != 0 && std::isfinite(y.value / x.value)
                                         ? number_text(y.value / x.value)
                                         : ""},
                                    {metric.interval ? verdict(x, y) : ""}}});
  }
  return table;
}

std::vector<std::string> comparison_caveats(const Compared& a, const Compared& b) {
  std::vector<std::string> out;
  const auto differs = [&](std::string_view what, const std::string& x, const std::string& y) {
    if (x != y) out.push_back(cat({what, ": ", x, " and ", y}));
  };
  differs("another machine", a.study.machine.fingerprint, b.study.machine.fingerprint);
  differs("another model", a.study.model_hash, b.study.model_hash);
  if (a.study.workload_json != b.study.workload_json)
    differs("another workload", cat({a.study.workload.name, " (", a.study.id.substr(0, 8), ")"}),
            cat({b.study.workload.name, " (", b.study.id.substr(0, 8), ")"}));
  differs("another build", a.study.build, b.study.build);
  return out;
}

}  // namespace paretune
