#include "workloads/workload_checks.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "workloads/evals.h"

namespace paretune {

namespace {

constexpr double kShareTolerance = 1e-6;

void check_traffic(const JsonPlace& root, const Workload& w) {
  const bool from_trace = w.arrival.process == &kTrace;
  if (from_trace && !w.traffic.empty())
    root.at("traffic").refuse("nothing beside a trace, whose rows have lengths of their own");
  if (from_trace) return;
  if (w.traffic.empty()) root.refuse_missing("traffic", "an array of classes");

  double sum = 0;
  std::set<std::string> names;
  for (std::size_t i = 0; i < w.traffic.size(); ++i) {
    const TrafficClass& traffic = w.traffic[i];
    const JsonPlace place = root.at("traffic").at(i);
    sum += traffic.share;
    if (!names.insert(traffic.name).second)
      place.key("name").refuse("\"" + traffic.name + "\" a second time",
                               "a name of its own for each class");
    if (traffic.prefix.prefix_len >= longest(traffic.input_seq_len) &&
        traffic.prefix.num_groups > 0)
      place.at("prefix")
          .at("prefix_len")
          .refuse("less than the longest input_seq_len, " +
                  std::to_string(longest(traffic.input_seq_len)) + ", which includes the prefix");
  }
  if (std::abs(sum - 1) > kShareTolerance)
    root.at("traffic").refuse("shares that add up to " + nlohmann::json(sum).dump(),
                              "shares that add up to 1");
}

void check_latency(const JsonPlace& root, const Workload& w) {
  if (w.arrival.process->has_rate && w.arrival.process != &kTrace && !w.arrival.rate_qps &&
      w.slo.bounds.empty())
    root.at("arrival").refuse_missing("rate_qps", "a rate, or an slo to find the highest rate for");
  const bool single_token =
      !w.traffic.empty() &&
      std::all_of(w.traffic.begin(), w.traffic.end(),
                  [](const TrafficClass& traffic) { return longest(traffic.output_seq_len) == 1; });
  if (!single_token) return;
  constexpr std::string_view kWhy = "ttft_ms or e2e_latency_ms, as every answer is one token";
  for (const SloBound& bound : w.slo.bounds)
    if (bound.metric == &kItl || bound.metric == &kTpot)
      root.at("slo").key(bound.metric->name).refuse("a bound on time between tokens", kWhy);
  if (w.objective.metric == &kItl || w.objective.metric == &kTpot)
    root.at("objective").at("latency_metric").refuse(kWhy);
}

void check_quality(const JsonPlace& root, const QualitySpec& quality) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < quality.evals.size(); ++i)
    if (!names.insert(quality.evals[i].name).second)
      root.at("quality").at("evals").at(i).key("name").refuse(
          "\"" + quality.evals[i].name + "\" a second time", "a name of its own for each eval");

  const QualityFloors& floors = quality.floors;
  const auto needs = [&](bool asked, bool measured, std::string_view key, std::string_view source) {
    if (asked && !measured)
      root.at("quality").at("floors").key(key).refuse(
          "a floor with nothing to measure it on",
          "this floor together with quality." + std::string(source));
  };
  const bool evals = !quality.evals.empty();
  for (std::size_t i = 0; i < quality.calibration.size(); ++i)
    if (quality.calibration[i].path == kTrainingSplit && !evals)
      root.at("quality")
          .at("calibration")
          .at(i)
          .refuse("\"evals\" where there are none",
                  "a .txt or .jsonl file, or quality.evals to split");
  // There are always questions, the built-in probes where there are no evals, and text: those
  // questions' right answers.
  needs(!floors.capabilities.empty(), evals, "capabilities", "evals");
}

void check_price_date(const JsonPlace& place, std::string_view date) {
  constexpr int kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const auto number = [&](int begin, int size) {
    int value = 0;
    for (const char c : date.substr(begin, size))
      value = c >= '0' && c <= '9' ? value * 10 + (c - '0') : -100000;
    return value;
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (date[4] != '-' || date[7] != '-' || year < 2000 || month < 1 || month > 12 || day < 1 ||
      day > kDays[month - 1])
    place.refuse("a date as 2025-06-30");
}

}  // namespace

void check_workload(const JsonPlace& root, const Workload& workload) {
  check_traffic(root, workload);
  check_latency(root, workload);
  check_quality(root, workload.quality);
  check_price_date(root.at("cost").at("price_date"), workload.cost.price_date);
}

}  // namespace paretune
