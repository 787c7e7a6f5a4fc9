#include "runtime/server/metrics.h"

#include <charconv>

namespace paretune {
namespace {

struct GaugeRow {
  std::string_view name;
  std::string_view help;
  double (*value)(const EngineStats&);
};
constexpr std::array kGauges{
    GaugeRow{"vllm:num_requests_running", "Sequences that run.",
             [](const EngineStats& s) { return double(s.running); }},
    GaugeRow{"vllm:num_requests_waiting", "Sequences that wait to run.",
             [](const EngineStats& s) { return double(s.waiting); }},
    GaugeRow{"vllm:kv_cache_usage_perc", "Fraction of the KV cache in use; 1 is full.",
             [](const EngineStats& s) { return s.kv_cache_usage; }},
};

struct CounterRow {
  std::string_view name;
  std::string_view help;
  std::uint64_t (*value)(const ServerMetrics&, const EngineStats&);
};
constexpr std::array kCounters{
    CounterRow{"vllm:prompt_tokens_total",
               "Prompt tokens, those found in the prefix cache included.",
               [](const ServerMetrics& m, const EngineStats&) { return m.prompt_tokens; }},
    CounterRow{"vllm:generation_tokens_total", "Sampled tokens.",
               [](const ServerMetrics&, const EngineStats& s) { return s.generated_tokens; }},
    CounterRow{"vllm:prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
               [](const ServerMetrics&, const EngineStats& s) { return s.prefix_cache_queries; }},
    CounterRow{"vllm:prefix_cache_hits_total", "Prompt tokens found in the prefix cache.",
               [](const ServerMetrics&, const EngineStats& s) { return s.prefix_cache_hits; }},
};

struct EndRow {
  std::string_view reason;
  std::uint64_t EndCounts::*count;
};
constexpr std::array kEnds{
    EndRow{"stop", &EndCounts::stop},
    EndRow{"length", &EndCounts::length},
    EndRow{"abort", &EndCounts::abort},
    EndRow{"error", &EndCounts::error},
};

struct HistogramRow {
  std::string_view name;
  std::string_view help;
  Histogram ServerMetrics::*histogram;
};
constexpr std::array kHistograms{
    HistogramRow{"vllm:time_to_first_token_seconds", "Arrival to first token, queueing included.",
                 &ServerMetrics::ttft},
    HistogramRow{"vllm:inter_token_latency_seconds", "Gaps between tokens of one sequence.",
                 &ServerMetrics::itl},
    HistogramRow{"vllm:e2e_request_latency_seconds", "Arrival to last token.", &ServerMetrics::e2e},
    HistogramRow{"vllm:request_prompt_tokens", "Prompt tokens of a finished sequence.",
                 &ServerMetrics::request_prompt_tokens},
    HistogramRow{"vllm:request_generation_tokens", "Sampled tokens of a finished sequence.",
                 &ServerMetrics::request_generation_tokens},
};

template <class Number>
std::string number_text(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// Without an exponent, as the labels of other servers are.
std::string bound_text(double bound) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, bound, std::chars_format::fixed).ptr};
}

std::string escape_label(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return escaped;
}

// Lines of one exposition; every sample carries the model's name.
class Exposition {
 public:
  explicit Exposition(std::string_view model_name)
      : model_label_("model_name=\"" + escape_label(model_name) + "\"") {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    text_ += "# HELP " + std::string(name) + " " + std::string(help) + "\n";
    text_ += "# TYPE " + std::string(name) + " " + std::string(type) + "\n";
  }
  template <class Number>
  void sample(std::string_view name, std::string_view suffix, const std::string& label,
              Number value) {
    text_ += std::string(name) + std::string(suffix) + "{" + model_label_ +
             (label.empty() ? "" : ",") + label + "} " + number_text(value) + "\n";
  }
  void histogram(std::string_view name, const Histogram& histogram) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
      count += histogram.counts()[i];
      const bool last = i == histogram.bounds().size();
      const std::string bound = last ? "+Inf" : bound_text(histogram.bounds()[i]);
      sample(name, "_bucket", "le=\"" + bound + "\"", count);
    }
    sample(name, "_sum", "", histogram.sum());
    sample(name, "_count", "", count);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string model_label_;
  std::string text_;
};

}  // namespace

std::string prometheus_text(const ServerMetrics& metrics, const EngineStats& stats,
                            std::string_view model_name) {
  Exposition out(model_name);
  for (const GaugeRow& row : kGauges) {
    out.family(row.name, "gauge", row.help);
    out.sample(row.name, "", "", row.value(stats));
  }
  for (const CounterRow& row : kCounters) {
    out.family(row.name, "counter", row.help);
    out.sample(row.name, "", "", row.value(metrics, stats));
  }
  constexpr std::string_view kSuccess = "vllm:request_success_total";
  out.family(kSuccess, "counter", "Sequences that ended, by reason.");
  for (const EndRow& row : kEnds) {
    out.sample(kSuccess, "", "finished_reason=\"" + std::string(row.reason) + "\"",
               metrics.ended.*row.count);
  }
  for (const HistogramRow& row : kHistograms) {
    out.family(row.name, "histogram", row.help);
    out.histogram(row.name, metrics.*row.histogram);
  }
  return out.take();
}

}  // namespace paretune
