// One list of fields per struct serves both directions. It unpacks the struct with a structured
// binding, so a field added to the struct and not here does not compile.
#include "profiles/measurement_json.h"

#include <cmath>
#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

template <class T, class Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

void fields(Is<Estimate> auto& s, auto&& visit) {
  auto& [value, low, high] = s;
  visit("value", value), visit("low", low), visit("high", high);
}

void fields(Is<Distribution> auto& s, auto&& visit) {
  auto& [samples, mean, percentiles] = s;
  visit("samples", samples), visit("mean", mean);
  for (std::size_t i = 0; i < kPercentiles.size(); ++i) visit(kPercentiles[i].name, percentiles[i]);
}

void fields(Is<LatencySet> auto& s, auto&& visit) {
  auto& [ttft_ms, itl_ms, tpot_ms, e2e_latency_ms] = s;
  visit("ttft_ms", ttft_ms), visit("itl_ms", itl_ms), visit("tpot_ms", tpot_ms);
  visit("e2e_latency_ms", e2e_latency_ms);
}

void fields(Is<LoadRun> auto& s, auto&& visit) {
  auto& [offered_rate, concurrency, requests, failed, seconds, latency, request_rate,
         output_tokens_per_s, output_tokens_standard_error, input_tokens_per_s, goodput,
         slo_attainment, saturated, meets_slo, missed, steal_fraction, prefix_cache_queries,
         prefix_cache_hits] = s;
  visit("offered_rate", offered_rate), visit("concurrency", concurrency),
      visit("requests", requests);
  visit("failed", failed), visit("seconds", seconds), visit("latency", latency);
  visit("request_rate", request_rate), visit("output_tokens_per_s", output_tokens_per_s),
      visit("output_tokens_standard_error", output_tokens_standard_error);
  visit("input_tokens_per_s", input_tokens_per_s), visit("goodput", goodput);
  visit("slo_attainment", slo_attainment), visit("saturated", saturated),
      visit("meets_slo", meets_slo);
  visit("missed", missed), visit("steal_fraction", steal_fraction);
  visit("prefix_cache_queries", prefix_cache_queries),
      visit("prefix_cache_hits", prefix_cache_hits);
}

void fields(Is<Speed> auto& s, auto&& visit) {
  auto& [at_workload, at_max_rate, rate_search, max_rate, usd_per_million_output_tokens, cost,
         load_s, peak_memory_bytes, weight_bytes, kv_bytes] = s;
  visit("at_workload", at_workload), visit("at_max_rate", at_max_rate),
      visit("rate_search", rate_search);
  visit("max_rate", max_rate),
      visit("usd_per_million_output_tokens", usd_per_million_output_tokens);
  visit("cost", cost), visit("load_s", load_s), visit("peak_memory_bytes", peak_memory_bytes);
  visit("weight_bytes", weight_bytes), visit("kv_bytes", kv_bytes);
}

void fields(Is<Capability> auto& s, auto&& visit) {
  auto& [name, items, accuracy, standard_error, reference_accuracy, broken, mended, drop,
         drop_standard_error, mcnemar_p] = s;
  visit("name", name), visit("items", items), visit("accuracy", accuracy);
  visit("standard_error", standard_error), visit("reference_accuracy", reference_accuracy);
  visit("broken", broken), visit("mended", mended), visit("drop", drop);
  visit("drop_standard_error", drop_standard_error), visit("mcnemar_p", mcnemar_p);
}

void fields(Is<Quality> auto& s, auto&& visit) {
  auto& [kl_divergence, kl_standard_error, kl_p99, kl_p999, kl_noise_floor, same_top1_fraction,
         same_top1_standard_error, perplexity, reference_perplexity, perplexity_ratio,
         perplexity_ratio_standard_error, tokens, documents, answers, same_answers_fraction,
         first_divergent_token, capabilities, accuracy, accuracy_standard_error] = s;
  visit("kl_divergence", kl_divergence), visit("kl_standard_error", kl_standard_error),
      visit("kl_p99", kl_p99), visit("kl_p999", kl_p999), visit("kl_noise_floor", kl_noise_floor);
  visit("answers", answers), visit("same_answers_fraction", same_answers_fraction);
  visit("first_divergent_token", first_divergent_token);
  visit("same_top1_fraction", same_top1_fraction);
  visit("same_top1_standard_error", same_top1_standard_error), visit("perplexity", perplexity);
  visit("reference_perplexity", reference_perplexity), visit("perplexity_ratio", perplexity_ratio);
  visit("perplexity_ratio_standard_error", perplexity_ratio_standard_error),
      visit("tokens", tokens);
  visit("documents", documents), visit("capabilities", capabilities), visit("accuracy", accuracy);
  visit("accuracy_standard_error", accuracy_standard_error);
}

void fields(Is<Measurement> auto& s, auto&& visit) {
  auto& [outcome, detail, speed, quality, seconds, measured_at] = s;
  visit("outcome", outcome), visit("detail", detail), visit("speed", speed),
      visit("quality", quality);
  visit("seconds", seconds), visit("measured_at", measured_at);
}

constexpr std::array kOutcomes{Outcome::ok, Outcome::out_of_memory, Outcome::timed_out,
                               Outcome::crashed, Outcome::refused};

template <class T>
constexpr bool kIsVector = false;
template <class T>
constexpr bool kIsVector<std::vector<T>> = true;

template <class T>
Json write(const T& value) {
  if constexpr (std::same_as<T, double>) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
  } else if constexpr (std::same_as<T, Outcome>) {
    return outcome_name(value);
  } else if constexpr (requires { fields(value, [](std::string_view, const auto&) {}); }) {
    Json object = Json::object();
    fields(value, [&](std::string_view key, const auto& field) {
      object[std::string(key)] = write(field);
    });
    return object;
  } else if constexpr (kIsVector<T>) {
    Json array = Json::array();
    for (const auto& element : value) array.push_back(write(element));
    return array;
  } else {
    return value;
  }
}

class Reader {
 public:
  explicit Reader(const std::string& where) : where_(where) {}

  template <class T>
  void read(const Json& json, const std::string& path, T& value) const {
    if constexpr (std::same_as<T, double>) {
      if (json == "nan")
        value = std::numeric_limits<double>::quiet_NaN();
      else if (json == "inf")
        value = std::numeric_limits<double>::infinity();
      else if (json == "-inf")
        value = -std::numeric_limits<double>::infinity();
      else if (json.is_number())
        value = json.get<double>();
      else
        fail(json, path, "a number, \"inf\", \"-inf\" or \"nan\"");
    } else if constexpr (std::same_as<T, bool>) {
      if (!json.is_boolean()) fail(json, path, "true or false");
      value = json.get<bool>();
    } else if constexpr (std::integral<T>) {
      constexpr std::uint64_t max = std::numeric_limits<T>::max();
      if (!json.is_number_unsigned() || json.get<std::uint64_t>() > max)
        fail(json, path, "a whole number from 0 to " + std::to_string(max));
      value = json.get<T>();
    } else if constexpr (std::same_as<T, std::string>) {
      if (!json.is_string()) fail(json, path, "a string");
      value = json.get<std::string>();
    } else if constexpr (std::same_as<T, Outcome>) {
      for (const Outcome outcome : kOutcomes) {
        if (json == outcome_name(outcome)) return void(value = outcome);
      }
      fail(json, path, "an outcome");
    } else if constexpr (requires { fields(value, [](std::string_view, auto&) {}); }) {
      if (!json.is_object()) fail(json, path, "an object");
      std::size_t known = 0;
      fields(value, [&](std::string_view key, auto& field) {
        const auto found = json.find(std::string(key));
        if (found == json.end()) fail(json, path, "the key " + std::string(key));
        read(*found, path + "." + std::string(key), field);
        ++known;
      });
      if (known != json.size()) fail(json, path, std::to_string(known) + " keys and no others");
    } else {
      if (!json.is_array()) fail(json, path, "an array");
      value.resize(json.size());
      for (std::size_t i = 0; i < json.size(); ++i)
        read(json[i], path + "[" + std::to_string(i) + "]", value[i]);
    }
  }

 private:
  [[noreturn]] void fail(const Json& json, const std::string& path,
                         const std::string& allowed) const {
    std::string found = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (found.size() > 80) found = found.substr(0, 80) + "…";
    throw std::runtime_error(where_ + ": " + path + ": found " + found + ", allowed: " + allowed);
  }

  const std::string& where_;
};

template <class T>
T parse(std::string_view text, const std::string& where) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    throw std::runtime_error(where + ": not JSON: " + std::string(text.substr(0, 80)));
  T value;
  Reader(where).read(json, "$", value);
  return value;
}

// Bytes that are not UTF-8 (a crashed child's last words) become U+FFFD instead of an exception.
template <class T>
std::string text(const T& value) {
  return write(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Measurement& measurement) { return text(measurement); }
std::string to_json(const Quality& quality) { return text(quality); }
std::string to_json(const LoadRun& run) { return text(run); }

Measurement parse_measurement(std::string_view json, const std::string& where) {
  return parse<Measurement>(json, where);
}
Quality parse_quality(std::string_view json, const std::string& where) {
  return parse<Quality>(json, where);
}
LoadRun parse_load_run(std::string_view json, const std::string& where) {
  return parse<LoadRun>(json, where);
}

}  // namespace paretune
