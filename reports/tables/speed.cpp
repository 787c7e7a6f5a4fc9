#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {

Table latency_table(const Study& study) {
  Table table{.caption = "Latency under the workload's own arrivals, ms, with 95 % intervals",
              .columns = {{"Config"}, {"Metric"}, {"Samples", true}, {"Mean", true}}};
  for (const Percentile& percentile : kPercentiles)
    table.columns.push_back({std::string(percentile.name), true});
  for (std::string_view name : {"recommended", "default"}) {
    const Trial* trial = name == "default" ? default_trial(study) : picked(study, name);
    if (!trial || !ran(*trial) || (name == "recommended" && trial->id == 0)) continue;
    for (const LatencyMetric& metric : kLatencyMetrics) {
      const Distribution& d = trial->measurement.speed.at_workload.latency.of(metric);
      if (d.samples == 0) continue;  // such as ITL where each answer is one token
      Row row{.cells = {{cat({name, " (trial ", std::to_string(trial->id), ")"})},
                        {std::string(metric.title)},
                        {count_text(d.samples)},
                        {number_text(d.mean)}},
              .trial = trial->id};
      for (std::size_t i = 0; i < kPercentiles.size(); ++i) {
        if (d.enough(i)) {
          row.cells.push_back({.text = number_text(d.percentiles[i].value),
                               .note = interval_text(d.percentiles[i])});
        } else {
          row.cells.push_back({.text = percentile_text(d, i), .mood = Mood::muted});
        }
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

Table rate_table(const Study& study) {
  Table table{.caption = "Request rates tried with the recommended config",
              .columns = {{"Offered, requests/s", true},
                          {"Requests", true},
                          {"Completed, requests/s", true},
                          {"Output tokens/s", true},
                          {"Goodput, requests/s", true},
                          {"SLO attainment", true},
                          {"Meets the SLOs"}}};
  const Trial* trial = picked(study, "recommended");
  if (!trial) return table;
  for (const LoadRun& run : trial->measurement.speed.rate_search) {
    const std::string offered =
        run.offered_rate > 0
            ? number_text(run.offered_rate)
            : cat({"closed loop, ", std::to_string(run.concurrency), " in flight"});
    std::string met = run.meets_slo ? "yes" : "no";
    if (!run.missed.empty()) met += ": " + run.missed;
    if (run.saturated) met += " (the queue grew without end)";
    table.rows.push_back({.cells = {{offered},
                                    {count_text(run.requests)},
                                    {number_text(run.request_rate)},
                                    {number_text(run.output_tokens_per_s)},
                                    {number_text(run.goodput)},
                                    {percent_text(run.slo_attainment)},
                                    {met, run.meets_slo ? Mood::good : Mood::bad}}});
  }
  return table;
}

}  // namespace paretune
