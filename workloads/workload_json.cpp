#include "workloads/workload_json.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "workloads/evals.h"
#include "workloads/probes.h"
#include "workloads/strict_json.h"
#include "workloads/text_file.h"
#include "workloads/workload_checks.h"
#include "workloads/workload_fields.h"

namespace paretune {

namespace {

std::vector<std::string> strings(std::string_view text) {
  std::vector<std::string> result;
  for (const std::string_view word : words(text)) result.emplace_back(word);
  return result;
}

// Overloads by the type of the member: what JSON may fill it with.
struct Reader {
  static void read(const JsonPlace& place, const Range& allowed, double& out) {
    out = place.number(allowed);
  }
  static void read(const JsonPlace& place, const Range& allowed, int& out) {
    out = int(place.integer(allowed));
  }
  static void read(const JsonPlace& place, const Range&, std::uint64_t& out) {
    out = place.uint64();
  }
  static void read(const JsonPlace& place, const Range&, bool& out) { out = place.boolean(); }

  static void read(const JsonPlace& place, const Range& bytes, std::string& out) {
    out = place.string(std::size_t(bytes.min), std::size_t(bytes.max));
  }

  template <class T>
  static void read(const JsonPlace& place, const Range& allowed, std::optional<T>& out) {
    read(place, allowed, out.emplace());
  }

  template <class T>
  requires std::is_arithmetic_v<T>
  static void read(const JsonPlace& place, const Range& each, std::vector<T>& out) {
    out.resize(place.expect_array(1, 100'000));
    for (std::size_t i = 0; i < out.size(); ++i) read(place.at(i), each, out[i]);
  }

  template <class T>
  requires std::is_class_v<T>
  static void read(const JsonPlace& place, const Range& size, std::vector<T>& out) {
    out.resize(place.expect_array(std::size_t(size.min), std::size_t(size.max)));
    for (std::size_t i = 0; i < out.size(); ++i) read(place.at(i), kUnbounded, out[i]);
  }

  static void read(const JsonPlace& place, const Range&, const TraceFormat*& out) {
    out = row_named(place, kTraceFormats);
  }
  static void read(const JsonPlace& place, const Range&, const Grader*& out) {
    out = row_named(place, kGraders);
  }

  static void read(const JsonPlace& place, const Range&, const LatencyMetric*& out) {
    std::vector<std::string_view> names;
    for (const LatencyMetric& metric : kLatencyMetrics) names.push_back(metric.name);
    out = &kLatencyMetrics[place.one_of(names)];
  }

  static void read(const JsonPlace& place, const Range&, Percentile& out) {
    std::vector<std::string_view> names;
    for (const Percentile& p : kPercentiles) names.push_back(p.name);
    names.push_back(percentile_alias(kPercentiles.back()));
    out = kPercentiles[std::min(place.one_of(names), kPercentiles.size() - 1)];
  }

  static void read(const JsonPlace& place, const Range&, std::vector<std::string>& out) {
    out.resize(place.expect_array(1, 64));
    for (std::size_t i = 0; i < out.size(); ++i) read(place.at(i), kName, out[i]);
  }

  static void read(const JsonPlace& place, const Range&, TextSpec& out) {
    read(place, kPath, out.path);
  }

  // A plain path is short for {"path": …}.
  static void read(const JsonPlace& place, const Range&, EvalSpec& out) {
    if (place.value().is_string()) return read(place, kPath, out.path);
    read_fields(place, out);
  }

  // A plain integer is short for the fixed length.
  static void read(const JsonPlace& place, const Range&, LengthSpec& out) {
    if (place.value().is_number()) {
      out.value = double(place.integer(kTokens));
      return;
    }
    if (!place.value().is_object())
      place.refuse(kTokens.words("an integer") + ", or an object with a distribution");
    read_by_row<LengthRows>(place, out);
    check(place, out);
  }

  static void read(const JsonPlace& place, const Range&, ArrivalSpec& out) {
    read_by_row<ArrivalRows>(place, out);
  }

  // {"ttft_ms": {"p95": 500}, …, "attainment_fraction": 0.95}
  static void read(const JsonPlace& place, const Range&, Slo& out) {
    std::vector<std::string> known{"attainment_fraction"};
    for (const LatencyMetric& metric : kLatencyMetrics) known.emplace_back(metric.name);
    place.expect_keys(known);
    for (const LatencyMetric& metric : kLatencyMetrics)
      if (place.find(metric.name)) read_bounds(place.at(metric.name), metric, out);
    if (place.find("attainment_fraction"))
      read(place.at("attainment_fraction"), Range{0, 1, true}, out.attainment_fraction);
    if (out.bounds.empty())
      place.refuse("no bound", "at least one, such as \"ttft_ms\": {\"p95\": 500}");
  }

  static void read_bounds(const JsonPlace& place, const LatencyMetric& metric, Slo& out) {
    std::vector<std::string> known, aliases;
    for (const Percentile& p : kPercentiles) {
      known.emplace_back(p.name);
      aliases.emplace_back(percentile_alias(p));
    }
    place.expect_keys(known, aliases);
    double lower = 0;  // a percentile is no smaller than those below it
    for (const Percentile& p : kPercentiles) {
      if (!place.find(p.name, percentile_alias(p))) continue;
      const JsonPlace at = place.at(p.name, percentile_alias(p));
      const double max_ms = at.number(kPositive);
      if (max_ms < lower)
        at.refuse(Range{lower}.words("a number") + ", the bound at a lower percentile");
      lower = max_ms;
      out.bounds.push_back({&metric, p, max_ms});
    }
    if (lower == 0) place.refuse("no percentile", "at least one, such as {\"p95\": 500}");
  }

  static void read(const JsonPlace& place, const Range&,
                   std::map<std::string, CapabilityFloor>& out) {
    place.expect_object();
    for (const auto& [name, floor] : place.value().items())
      read(place.at(name), kUnbounded, out[name]);
  }

  // {"<knob>": [values, …], …}; whoever knows the knobs checks names and values.
  static void read(const JsonPlace& place, const Range&,
                   std::map<std::string, std::vector<std::string>>& out) {
    place.expect_object();
    for (const auto& [knob, list] : place.value().items()) {
      const JsonPlace at = place.at(knob);
      at.expect_array(1, 1000);
      std::set<std::string> seen;
      for (std::size_t i = 0; i < list.size(); ++i) {
        const nlohmann::json& value = list[i];
        if (!value.is_primitive() || value.is_null())
          at.at(i).refuse("a string, a number, true or false");
        out[knob].push_back(value.is_string() ? value.get<std::string>() : value.dump());
        if (!seen.insert(out[knob].back()).second) at.at(i).refuse("each value once");
      }
    }
  }

  template <HasFields T>
  static void read(const JsonPlace& place, const Range&, T& out) {
    read_fields(place, out);
  }

  template <class T>
  static void read_fields(const JsonPlace& place, T& out) {
    std::vector<std::string> known, aliases;
    each_field<T>([&](const auto& field) {
      known.emplace_back(field.key);
      for (const std::string& alias : strings(field.aliases)) aliases.push_back(alias);
    });
    place.expect_keys(known, aliases);
    each_field<T>(
        [&](const auto& field) { read_field(place, field, field.need == Need::required, out); });
  }

  // The row first; then its keys and no others.
  template <class Rows, class T>
  static void read_by_row(const JsonPlace& place, T& out) {
    place.expect_object();
    std::string names;
    for (const auto* row : Rows::kCatalog)
      names += (names.empty() ? "" : ", ") + std::string(row->name);
    if (!place.find(Rows::kKey)) place.refuse_missing(Rows::kKey, "one of: " + names);
    const auto* row = row_named(place.at(Rows::kKey), Rows::kCatalog);
    out.*Rows::kRow = row;

    const std::string wanted = std::string(row->required) + " " + std::string(row->optional);
    std::vector<std::string> known = strings(std::string(Rows::kKey) + " " + wanted), aliases;
    each_field<T>([&](const auto& field) {
      if (!has_word(wanted, field.key)) return;
      for (const std::string& alias : strings(field.aliases)) aliases.push_back(alias);
    });
    place.expect_keys(known, aliases);
    each_field<T>([&](const auto& field) {
      if (has_word(wanted, field.key))
        read_field(place, field, has_word(row->required, field.key), out);
    });
  }

  template <class F, class T>
  static void read_field(const JsonPlace& place, const F& field, bool required, T& out) {
    if (place.find(field.key, field.aliases))
      read(place.at(field.key, field.aliases), field.allowed, std::invoke(field.member, out));
    else if (required)
      place.refuse_missing(field.key, "a value: the key is required");
  }

  static void check(const JsonPlace& place, const LengthSpec& length) {
    const auto number = [](double x) { return nlohmann::json(x).dump(); };
    if (length.min > length.max)
      place.key("min").refuse(std::to_string(length.min),
                              "at most max, " + std::to_string(length.max));
    if (length.law == &kFixedLength && length.value != std::floor(length.value))
      place.at("value", "mean").refuse(kTokens.words("an integer"));
    if (has_word(length.law->required, "std_dev") &&
        (length.value < length.min || length.value > length.max))
      place.key("value").refuse(number(length.value),
                                Range{double(length.min), double(length.max)}.words(
                                    "a mean within min and max, a number"));
    if (length.weights.empty()) return;
    if (length.weights.size() != length.values.size())
      place.at("weights").refuse("an array of " + std::to_string(length.values.size()) +
                                 ", one for each value");
    if (std::none_of(length.weights.begin(), length.weights.end(), [](double w) { return w > 0; }))
      place.at("weights").refuse("only zeros", "at least one weight above 0");
  }
};

// Fills what follows from the rest: names, resolved paths, the latency of the front.
void complete(Workload& w, const JsonPlace& root) {
  const std::filesystem::path folder = w.file.parent_path();
  const auto resolve = [&](const std::string& path) { return (folder / path).lexically_normal(); };
  w.model_path = resolve(w.model);
  if (w.arrival.process == &kTrace) w.arrival.trace.file = resolve(w.arrival.trace.path);
  for (TrafficClass& traffic : w.traffic)
    if (traffic.name.empty()) traffic.name = "default";
  for (TextSpec& text : w.quality.text) text.file = resolve(text.path);
  for (TextSpec& text : w.quality.calibration)
    text.file = text.path == kTrainingSplit ? std::filesystem::path(text.path) : resolve(text.path);
  for (EvalSpec& eval : w.quality.evals) {
    const bool probe = eval.path.starts_with(kProbePath);
    eval.file = probe ? std::filesystem::path(eval.path) : resolve(eval.path);
    if (eval.name.empty())
      eval.name = probe ? eval.path.substr(kProbePath.size()) : eval.file.stem().string();
    if (!eval.command.empty()) {
      eval.grader = &kCommand;
      eval.folder = folder;
    }
    try {
      probes_named(eval.path);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(w.file.string() + ": $.quality.evals: " + error.what());
    }
  }
  if (!root.find("objective") && !w.slo.bounds.empty())
    w.objective = {w.slo.bounds.front().metric, w.slo.bounds.front().percentile};
}

}  // namespace

Workload parse_workload(std::string_view json_text, const std::filesystem::path& file) {
  const nlohmann::json json = parse_strict_json(json_text, file.string());
  const JsonPlace root(json, file.string());
  Workload workload;
  workload.file = file;
  Reader::read(root, kUnbounded, workload);
  complete(workload, root);
  check_workload(root, workload);
  return workload;
}

Workload load_workload(const std::filesystem::path& file) {
  return load_workload(read_text_file(file, JsonLimits{}.bytes), file);
}

Workload load_workload(std::string_view json_text, const std::filesystem::path& file) {
  Workload workload = parse_workload(json_text, file);
  if (workload.arrival.process != &kTrace) return workload;
  const TraceSpec& spec = workload.arrival.trace;
  workload.trace = load_trace(spec.file, spec.format);
  for (TraceRow& row : workload.trace) {
    row.input_tokens = std::min(row.input_tokens, spec.clip.input_seq_len.value_or(kMaxSeqLen));
    row.output_tokens = std::min(row.output_tokens, spec.clip.output_seq_len.value_or(kMaxSeqLen));
  }
  return workload;
}

}  // namespace paretune
