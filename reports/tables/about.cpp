// What was asked, what was searched, and what it takes to do it again.
#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
namespace {

Table key_value_table(std::string caption) {
  return {.caption = std::move(caption), .columns = {{"What"}, {"Value"}}};
}

void add(Table& table, std::string_view key, std::string value) {
  if (!value.empty()) table.rows.push_back({.cells = {{std::string(key)}, {std::move(value)}}});
}

std::string length_text(const LengthSpec& spec) {
  if (spec.law == &kFixedLength) return count_text(spec.value);
  return cat({spec.law->name, ", ", count_text(shortest(spec)), " to ", count_text(longest(spec))});
}

std::string arrival_text(const Workload& workload) {
  const ArrivalSpec& arrival = workload.arrival;
  std::string out(arrival.process->name);
  if (arrival.is_closed())
    return cat({out, ", ", std::to_string(arrival.concurrency), " in flight"});
  if (!arrival.trace.path.empty()) out += ", " + arrival.trace.path;
  if (!arrival.process->has_rate) return out;
  if (arrival.rate_qps) return cat({out, ", ", number_text(*arrival.rate_qps), " requests/s"});
  return out + ", at the highest rate that meets the SLOs";
}

}  // namespace

Table workload_table(const Study& study) {
  const Workload& workload = study.workload;
  Table table = key_value_table("What was asked for");
  add(table, "Workload", workload.name);
  add(table, "Description", workload.description);
  add(table, "Model",
      cat({study.model_path, ", ", study.model.architecture, ", ", study.model_format, ", ",
           std::to_string(study.model.n_layers), " layers"}));
  add(table, "Machine",
      cat({study.machine.cpu, ", ", std::to_string(study.machine.cores), " cores, ",
           bytes_text(study.machine.memory_bytes)}));
  add(table, "Arrivals", arrival_text(workload));
  for (const TrafficClass& traffic : workload.traffic) {
    std::string text = cat({percent_text(traffic.share), " of requests; input ",
                            length_text(traffic.input_seq_len), " tokens, output ",
                            length_text(traffic.output_seq_len), " tokens"});
    if (traffic.prefix.num_groups > 0) {
      text += cat({"; ", std::to_string(traffic.prefix.num_groups), " groups share their first ",
                   count_text(traffic.prefix.prefix_len), " tokens"});
    }
    add(table, "Traffic: " + traffic.name, std::move(text));
  }
  add(table, "Requests per trial",
      cat({count_text(workload.num_requests), " measured after ",
           count_text(workload.warmup_requests), " to warm up"}));
  add(table, "Limits", join(limits_text(workload), "; "));
  add(table, "Price",
      cat({usd_text(workload.cost.usd_per_hour), " per hour; source: ",
           workload.cost.price_source.empty() ? "not stated" : workload.cost.price_source,
           "; read ",
           workload.cost.price_date.empty() ? "at no stated date" : workload.cost.price_date}));
  return table;
}

Table knobs_table(const Study& study) {
  Table table{
      .caption = "Knobs: what the search could choose from",
      .columns = {
          {"Knob"}, {"What it is"}, {"May change the output"}, {"Choices", true}, {"Domain"}}};
  for (const KnobDomain& knob : study.knobs) {
    table.rows.push_back({.cells = {{knob.name},
                                    {knob.help},
                                    {knob.effect},
                                    {std::to_string(knob.choices.size())},
                                    {join(knob.choices, ", "),
                                     knob.choices.size() > 1 ? Mood::plain : Mood::muted}}});
  }
  return table;
}

Table space_table(const Study& study) {
  Table table{.caption = "Size of the search space after each rule",
              .columns = {{"After"}, {"Configurations", true}, {"Counted"}, {"Reason"}}};
  for (const SpaceSize& size : study.space) {
    table.rows.push_back({.cells = {{size.after},
                                    {count_text(size.configs)},
                                    {size.exact ? "exactly" : "from a sample"},
                                    {size.reason}}});
  }
  return table;
}

Table manifest_table(const Study& study) {
  Table table = key_value_table("Manifest");
  add(table, "Study", study.id);
  add(table, "Command", study.command);
  add(table, "Build", study.build);
  add(table, "Started", study.started_at);
  add(table, "Finished", study.finished_at);
  add(table, "Wall time, resumed parts included", seconds_text(study.seconds));
  add(table, "Strategy", study.strategy);
  add(table, "Seed", std::to_string(study.seed));
  add(table, "Model file", study.model_path);
  add(table, "Model hash", study.model_hash);
  add(table, "Model format", study.model_format);
  add(table, "CPU", study.machine.cpu);
  add(table, "Cores", std::to_string(study.machine.cores));
  add(table, "Memory", bytes_text(study.machine.memory_bytes));
  add(table, "Instruction sets", study.machine.isa);
  add(table, "Machine fingerprint", study.machine.fingerprint);
  return table;
}

std::vector<Definition> definitions() {
  std::vector<Definition> out;
  for (const LatencyMetric& metric : kLatencyMetrics) out.push_back({metric.title, metric.what});
  constexpr std::array kOthers{
      Definition{"Percentiles",
                 "Over requests, ITL's over gaps. A percentile is shown where the samples can "
                 "bound it with "
                 "95 % confidence: p90 needs 29, p95 needs 59, p99 needs 299, p99.9 needs 2995."},
      Definition{"Goodput", "Requests per second that meet every per-request limit of the SLO."},
      Definition{"SLO attainment",
                 "The fraction of requests that meet every per-request limit of the SLO."},
      Definition{"Cost",
                 "US dollars per million output tokens: the machine's price per second divided by "
                 "the output tokens "
                 "per second, times a million. Measured at the highest request rate that met the "
                 "SLOs; at the "
                 "workload's own arrivals where no rate did. The price is the workload's, with its "
                 "source and date."},
      Definition{"KL divergence",
                 "Mean over tokens of the Kullback-Leibler divergence of this config's next-token "
                 "distribution from the full-precision model's, in nats. 0: identical."},
      Definition{
          "Same top-1",
          "The fraction of tokens for which this config and the full-precision model find the same "
          "token most likely."},
      Definition{
          "Perplexity ratio",
          "Perplexity on the evaluation text divided by the full-precision model's. 1: no loss."},
      Definition{
          "Accuracy",
          "The mean score on graded questions, averaged over capabilities. Broken: right at full "
          "precision and wrong now. Mended: the other way round."},
      Definition{"Intervals",
                 "95 %. Of percentiles: distribution-free, from order statistics. Of cost: from "
                 "the spread of "
                 "output tokens per second. Of KL divergence: 1.96 standard errors, clustered by "
                 "document. "
                 "Accuracies are given with one standard error."},
      Definition{"Pareto front",
                 "The trials that no other beats in cost, latency and quality at once: each can be "
                 "improved "
                 "in one only by giving up another."},
      Definition{"Hypervolume",
                 "The share of the box spanned by the default config that the front dominates; it "
                 "grows as "
                 "the search finds better trade-offs and levels off when it finds no more."},
      Definition{
          "Effect of a knob",
          "exact: identical outputs. rounding: outputs within rounding error. quality: outputs "
          "change, so their quality is measured."},
  };
  out.insert(out.end(), kOthers.begin(), kOthers.end());
  return out;
}

}  // namespace paretune
