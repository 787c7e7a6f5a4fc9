// A measurement in which no two fields are alike, so that a mix-up shows.
#pragma once

#include <cmath>
#include <limits>

#include "profiles/measurement.h"

namespace paretune {

inline LoadRun sample_load_run(double x) {
  LoadRun run{.offered_rate = x, .concurrency = 3, .requests = 59, .failed = 1, .seconds = x / 7};
  run.latency.ttft_ms = summarize({x, x + 1, x + 2.5});
  run.latency.itl_ms = summarize({});
  run.latency.tpot_ms = summarize(std::vector<double>(60, x / 3));
  run.latency.e2e_latency_ms = summarize({x / 9});
  run.request_rate = x / 11;
  run.output_tokens_per_s = x / 13;
  run.input_tokens_per_s = x / 17;
  run.goodput = x / 19;
  run.slo_attainment = 1 / 3.0;
  run.saturated = true;
  run.meets_slo = false;
  run.missed = "ttft_ms p95 = 512 > 300 \"…\"";
  run.steal_fraction = 1e-300;
  run.others_fraction = 2 / 3.0;
  run.prefix_cache_queries = std::numeric_limits<std::uint64_t>::max();
  run.prefix_cache_hits = 12;
  return run;
}

inline Measurement sample_measurement() {
  Measurement m{.outcome = Outcome::timed_out, .detail = "after 3 s", .seconds = 0.1 + 0.2};
  m.measured_at = "2026-08-01T12:00:00Z";
  m.speed = {.at_workload = sample_load_run(1.1),
             .at_max_rate = sample_load_run(2.2),
             .rate_search = {sample_load_run(3.3), sample_load_run(4.4)},
             .max_rate = 5e-324,
             .usd_per_million_output_tokens = 0.07,
             .cost = {.value = 1, .low = 0.5, .high = std::numeric_limits<double>::infinity()},
             .load_s = 1e22,
             .peak_memory_bytes = 1ull << 40,
             .weight_bytes = 77,
             .kv_bytes = 78};
  m.quality = {.kl_divergence = 1.8e-3,
               .kl_standard_error = 1e-4,
               .kl_p99 = 0.03,
               .kl_p999 = 0.06,
               .kl_added_by_decoding = -1e-7,
               .kl_added_by_decoding_standard_error = 2e-7,
               .fault = "made \"up\"",
               .kl_noise_floor = 1e-11,
               .same_top1_fraction = 0.99,
               .same_top1_standard_error = 0.001,
               .perplexity = std::exp(1.0),
               .reference_perplexity = std::exp(0.99),
               .perplexity_ratio = 1.01,
               .perplexity_ratio_standard_error = 0.002,
               .tokens = 4096,
               .documents = 61,
               .answers = 40,
               .same_answers_fraction = 0.9,
               .first_divergent_token = 3,
               .capabilities = {{.name = "sort",
                                 .items = 13,
                                 .accuracy = 1,
                                 .standard_error = 0.08,
                                 .reference_accuracy = 12 / 13.0,
                                 .broken = 2,
                                 .mended = 3,
                                 .drop = -0.07,
                                 .drop_standard_error = 0.14,
                                 .mcnemar_p = 1,
                                 .rated = 13,
                                 .reference_likelihood = 0.88,
                                 .likelihood_drop = 0.012,
                                 .likelihood_drop_standard_error = 0.003}},
               .accuracy = 0.91,
               .accuracy_standard_error = 0.02};
  return m;
}

}  // namespace paretune
