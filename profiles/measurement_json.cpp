// One list of fields per struct serves both directions (field_json.h).
#include "profiles/measurement_json.h"

#include <stdexcept>

#include "profiles/field_json.h"

namespace paretune {

static void fields(Is<Estimate> auto& s, auto&& visit) {
  auto& [value, low, high] = s;
  visit("value", value), visit("low", low), visit("high", high);
}

static void fields(Is<Distribution> auto& s, auto&& visit) {
  auto& [samples, mean, percentiles] = s;
  visit("samples", samples), visit("mean", mean);
  for (std::size_t i = 0; i < kPercentiles.size(); ++i) visit(kPercentiles[i].name, percentiles[i]);
}

static void fields(Is<LatencySet> auto& s, auto&& visit) {
  auto& [ttft_ms, itl_ms, tpot_ms, e2e_latency_ms] = s;
  visit("ttft_ms", ttft_ms), visit("itl_ms", itl_ms), visit("tpot_ms", tpot_ms);
  visit("e2e_latency_ms", e2e_latency_ms);
}

static void fields(Is<LoadRun> auto& s, auto&& visit) {
  auto& [offered_rate, concurrency, requests, failed, seconds, latency, request_rate,
         output_tokens_per_s, output_tokens_standard_error, input_tokens_per_s, goodput,
         slo_attainment, saturated, meets_slo, missed, steal_fraction, others_fraction,
         prefix_cache_queries, prefix_cache_hits] = s;
  visit("offered_rate", offered_rate), visit("concurrency", concurrency),
      visit("requests", requests);
  visit("failed", failed), visit("seconds", seconds), visit("latency", latency);
  visit("request_rate", request_rate), visit("output_tokens_per_s", output_tokens_per_s),
      visit("output_tokens_standard_error", output_tokens_standard_error);
  visit("input_tokens_per_s", input_tokens_per_s), visit("goodput", goodput);
  visit("slo_attainment", slo_attainment), visit("saturated", saturated),
      visit("meets_slo", meets_slo);
  visit("missed", missed), visit("steal_fraction", steal_fraction),
      visit("others_fraction", others_fraction);
  visit("prefix_cache_queries", prefix_cache_queries),
      visit("prefix_cache_hits", prefix_cache_hits);
}

static void fields(Is<Speed> auto& s, auto&& visit) {
  auto& [at_workload, at_max_rate, rate_search, max_rate, usd_per_million_output_tokens, cost,
         load_s, peak_memory_bytes, weight_bytes, kv_bytes, canary_s] = s;
  visit("at_workload", at_workload), visit("at_max_rate", at_max_rate),
      visit("rate_search", rate_search);
  visit("max_rate", max_rate),
      visit("usd_per_million_output_tokens", usd_per_million_output_tokens);
  visit("cost", cost), visit("load_s", load_s), visit("peak_memory_bytes", peak_memory_bytes);
  visit("weight_bytes", weight_bytes), visit("kv_bytes", kv_bytes);
  visit("canary_s", canary_s);
}

static void fields(Is<Capability> auto& s, auto&& visit) {
  auto& [name, items, accuracy, standard_error, reference_accuracy, broken, mended, drop,
         drop_standard_error, mcnemar_p, rated, reference_likelihood, likelihood_drop,
         likelihood_drop_standard_error] = s;
  visit("name", name), visit("items", items), visit("accuracy", accuracy);
  visit("standard_error", standard_error), visit("reference_accuracy", reference_accuracy);
  visit("broken", broken), visit("mended", mended), visit("drop", drop);
  visit("drop_standard_error", drop_standard_error), visit("mcnemar_p", mcnemar_p);
  visit("rated", rated), visit("reference_likelihood", reference_likelihood);
  visit("likelihood_drop", likelihood_drop);
  visit("likelihood_drop_standard_error", likelihood_drop_standard_error);
}

static void fields(Is<Quality> auto& s, auto&& visit) {
  auto& [kl_divergence, kl_standard_error, kl_p99, kl_p999, kl_added_by_decoding,
         kl_added_by_decoding_standard_error, fault, kl_noise_floor, same_top1_fraction,
         same_top1_standard_error, perplexity, reference_perplexity, perplexity_ratio,
         perplexity_ratio_standard_error, tokens, documents, answers, same_answers_fraction,
         first_divergent_token, capabilities, accuracy, accuracy_standard_error] = s;
  visit("kl_divergence", kl_divergence), visit("kl_standard_error", kl_standard_error),
      visit("kl_p99", kl_p99), visit("kl_p999", kl_p999), visit("kl_noise_floor", kl_noise_floor);
  visit("kl_added_by_decoding", kl_added_by_decoding);
  visit("kl_added_by_decoding_standard_error", kl_added_by_decoding_standard_error);
  visit("fault", fault);
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

static void fields(Is<Measurement> auto& s, auto&& visit) {
  auto& [outcome, detail, speed, quality, seconds, measured_at] = s;
  visit("outcome", outcome), visit("detail", detail), visit("speed", speed),
      visit("quality", quality);
  visit("seconds", seconds), visit("measured_at", measured_at);
}

static FieldJson write_leaf(Is<Outcome> auto& outcome) { return outcome_name(outcome); }

static void read_leaf(const FieldJson& json, const std::string& where, Is<Outcome> auto& value) {
  std::string names;
  for (const Outcome outcome : {Outcome::ok, Outcome::out_of_memory, Outcome::timed_out,
                                Outcome::crashed, Outcome::refused}) {
    if (json == outcome_name(outcome)) return void(value = outcome);
    names += (names.empty() ? "" : ", ") + std::string(outcome_name(outcome));
  }
  throw std::runtime_error(where + ": found " + json.dump() + ", allowed: " + names);
}

std::string to_json(const Measurement& measurement) { return fields_text(measurement); }
std::string to_json(const Quality& quality) { return fields_text(quality); }
std::string to_json(const Capability& capability) { return fields_text(capability); }
std::string to_json(const LoadRun& run) { return fields_text(run); }

Measurement parse_measurement(std::string_view json, const std::string& where) {
  return parse_fields<Measurement>(json, where);
}
Quality parse_quality(std::string_view json, const std::string& where) {
  return parse_fields<Quality>(json, where);
}
Capability parse_capability(std::string_view json, const std::string& where) {
  return parse_fields<Capability>(json, where);
}
LoadRun parse_load_run(std::string_view json, const std::string& where) {
  return parse_fields<LoadRun>(json, where);
}

}  // namespace paretune
