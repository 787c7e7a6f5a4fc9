// Every key of workload.json, once: its name, the member it fills, what is allowed. Reading,
// writing canonically and listing the keys are walks over these tables (workload_json.cpp,
// canonical_json.cpp). A row reads {key, member, allowed, aliases}; `allowed` bounds a number, the
// bytes of a string or the size of an array. For this folder's .cpp files.
#pragma once

#include <string_view>
#include <tuple>
#include <utility>

#include "workloads/strict_json.h"
#include "workloads/workload.h"

namespace paretune {

enum class Need { optional, required };

template <class Member>
struct Field {
  std::string_view key;
  Member member;  // a pointer to member, or a function to a reference
  Range allowed;
  Need need = Need::optional;
  std::string_view aliases = "";
};

template <class Member>  // clang 14, which fuzzes, does not deduce aggregates by itself
Field(std::string_view, Member, Range, Need = Need::optional, std::string_view = "")->Field<Member>;

inline constexpr Range kAnyText{0, 4000};
inline constexpr Range kName{1, 100};
inline constexpr Range kPath{1, 1000};
inline constexpr Range kTokens{1, kMaxSeqLen};
inline constexpr Range kFraction{0, 1};
inline constexpr Range kPositive{0, 1e9, true};
inline constexpr Range kCount{1, 1'000'000};
inline constexpr Range kEntries{1, 1000};
inline constexpr Range kUnbounded{};

// Which of them: LengthLaw::required and optional.
constexpr auto fields(std::type_identity<LengthSpec>) {
  return std::tuple{
      Field{"value", &LengthSpec::value, kTokens, Need::optional, "mean"},
      Field{"std_dev", &LengthSpec::std_dev, Range{0, kMaxSeqLen}},
      Field{"min", &LengthSpec::min, kTokens},
      Field{"max", &LengthSpec::max, kTokens},
      Field{"values", &LengthSpec::values, kTokens},
      Field{"weights", &LengthSpec::weights, Range{0, 1e9}},
  };
}

constexpr auto fields(std::type_identity<TrafficClass::Prefix>) {
  return std::tuple{
      Field{"prefix_len", &TrafficClass::Prefix::prefix_len, kTokens, Need::required},
      Field{"num_groups", &TrafficClass::Prefix::num_groups, kCount, Need::required},
  };
}

constexpr auto fields(std::type_identity<TrafficClass>) {
  return std::tuple{
      Field{"name", &TrafficClass::name, kName},
      Field{"share", &TrafficClass::share, Range{0, 1, true}},
      Field{"input_seq_len", &TrafficClass::input_seq_len, kUnbounded, Need::required,
            "isl prompt_tokens"},
      Field{"output_seq_len", &TrafficClass::output_seq_len, kUnbounded, Need::required,
            "osl output_tokens"},
      Field{"prefix", &TrafficClass::prefix, kUnbounded},
  };
}

constexpr auto fields(std::type_identity<TraceSpec::Clip>) {
  return std::tuple{
      Field{"input_seq_len", &TraceSpec::Clip::input_seq_len, kTokens, Need::optional,
            "isl prompt_tokens"},
      Field{"output_seq_len", &TraceSpec::Clip::output_seq_len, kTokens, Need::optional,
            "osl output_tokens"},
  };
}

// Members of the trace, which stand beside the arrivals' own.
inline constexpr auto kTracePath = [](auto& arrival) -> decltype(auto) {
  return (arrival.trace.path);
};
inline constexpr auto kTraceFormat = [](auto& arrival) -> decltype(auto) {
  return (arrival.trace.format);
};
inline constexpr auto kTraceSpeedup = [](auto& arrival) -> decltype(auto) {
  return (arrival.trace.speedup);
};
inline constexpr auto kTraceClip = [](auto& arrival) -> decltype(auto) {
  return (arrival.trace.clip);
};

// Which of them: ArrivalProcess::required and optional.
constexpr auto fields(std::type_identity<ArrivalSpec>) {
  return std::tuple{
      Field{"concurrency", &ArrivalSpec::concurrency, Range{1, 100'000}},
      Field{"rate_qps", &ArrivalSpec::rate_qps, Range{0, 1e6, true}, Need::optional,
            "request_rate"},
      Field{"burstiness", &ArrivalSpec::burstiness, Range{0.01, 1000}},
      Field{"path", kTracePath, kPath},
      Field{"format", kTraceFormat, kUnbounded},
      Field{"speedup", kTraceSpeedup, Range{0, 1e6, true}},
      Field{"clip", kTraceClip, kUnbounded},
  };
}

constexpr auto fields(std::type_identity<EvalSpec>) {
  return std::tuple{
      Field{"path", &EvalSpec::path, kPath, Need::required},
      Field{"name", &EvalSpec::name, kName},
      Field{"grader", &EvalSpec::grader, kUnbounded},
      Field{"command", &EvalSpec::command, kPath},
      Field{"max_items", &EvalSpec::max_items, kCount},
      Field{"chat_template", &EvalSpec::chat_template, kUnbounded},
  };
}

constexpr auto fields(std::type_identity<CapabilityFloor>) {
  return std::tuple{
      Field{"min_accuracy", &CapabilityFloor::min_accuracy, kFraction},
      Field{"max_drop", &CapabilityFloor::max_drop, kFraction},
  };
}

constexpr auto fields(std::type_identity<QualityFloors>) {
  return std::tuple{
      Field{"max_kl_divergence", &QualityFloors::max_kl_divergence, Range{0, 100}},
      Field{"min_same_top1_fraction", &QualityFloors::min_same_top1_fraction, kFraction},
      Field{"max_perplexity_ratio", &QualityFloors::max_perplexity_ratio, kPositive},
      Field{"min_accuracy", &QualityFloors::min_accuracy, kFraction},
      Field{"max_drop", &QualityFloors::max_drop, kFraction},
      Field{"capabilities", &QualityFloors::capabilities, kUnbounded},
  };
}

constexpr auto fields(std::type_identity<QualitySpec>) {
  return std::tuple{
      Field{"evals", &QualitySpec::evals, kEntries},
      Field{"text", &QualitySpec::text, kEntries},
      Field{"max_text_tokens", &QualitySpec::max_text_tokens, Range{1, 1e9}},
      Field{"max_questions", &QualitySpec::max_questions, kCount},
      Field{"calibration", &QualitySpec::calibration, kEntries},
      Field{"floors", &QualitySpec::floors, kUnbounded},
  };
}

constexpr auto fields(std::type_identity<CostSpec>) {
  return std::tuple{
      Field{"usd_per_hour", &CostSpec::usd_per_hour, Range{0, 1e6, true}, Need::required},
      Field{"price_source", &CostSpec::price_source, kPath, Need::required},
      Field{"price_date", &CostSpec::price_date, Range{10, 10}, Need::required},
  };
}

constexpr auto fields(std::type_identity<BudgetSpec>) {
  return std::tuple{
      Field{"minutes", &BudgetSpec::minutes, Range{0, 1e6, true}},
      Field{"trials", &BudgetSpec::trials, kCount},
  };
}

constexpr auto fields(std::type_identity<LatencyObjective>) {
  return std::tuple{
      Field{"latency_metric", &LatencyObjective::metric, kUnbounded, Need::required},
      Field{"percentile", &LatencyObjective::percentile, kUnbounded, Need::required},
  };
}

constexpr auto fields(std::type_identity<Workload>) {
  return std::tuple{
      Field{"name", &Workload::name, kName, Need::required},
      Field{"description", &Workload::description, kAnyText},
      Field{"model", &Workload::model, kPath, Need::required},
      Field{"traffic", &Workload::traffic, Range{1, 100}},
      Field{"arrival", &Workload::arrival, kUnbounded, Need::required},
      Field{"slo", &Workload::slo, kUnbounded},
      Field{"quality", &Workload::quality, kUnbounded},
      Field{"cost", &Workload::cost, kUnbounded, Need::required},
      Field{"budget", &Workload::budget, kUnbounded},
      Field{"objective", &Workload::objective, kUnbounded},
      Field{"open_layers", &Workload::open_layers, Range{1, 64}},
      Field{"space", &Workload::space, kUnbounded},
      Field{"num_requests", &Workload::num_requests, kCount},
      Field{"warmup_requests", &Workload::warmup_requests, Range{0, 1'000'000}},
      Field{"seed", &Workload::seed, kUnbounded},
  };
}

template <class T>
concept HasFields = requires {
  fields(std::type_identity<T>{});
};

// The structs whose fields depend on a row that one of their keys names.
struct LengthRows {
  static constexpr std::string_view kKey = "distribution";
  static constexpr const auto& kCatalog = kLengths;
  static constexpr auto kRow = &LengthSpec::law;
};
struct ArrivalRows {
  static constexpr std::string_view kKey = "process";
  static constexpr const auto& kCatalog = kArrivals;
  static constexpr auto kRow = &ArrivalSpec::process;
};

// Calls visit(field) for every row of T's table.
template <class T, class Visit>
void each_field(Visit visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, fields(std::type_identity<T>{}));
}

// The keys of one percentile: "p99.9" is also "p99p9".
inline std::string_view percentile_alias(const Percentile& p) {
  return p.name == "p99.9" ? "p99p9" : "";
}

}  // namespace paretune
