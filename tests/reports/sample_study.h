// A study made by hand, for looking at reports. None of its numbers was measured: they are test
// data and say so.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "optimizer/study.h"

namespace paretune {

// What a hostile or careless user could call things.
inline constexpr const char* kNastyName = "<script>alert(1)</script> | test `data` \"x\", 'y' & co";

struct SampleNumbers {
  double usd;  // per million output tokens
  double ttft_ms;
  double kl;
  double accuracy;
};

inline Distribution sample_distribution(double p95, int samples) {
  Distribution d{.samples = samples, .mean = p95 * 0.6};
  const double factors[] = {0.55, 0.85, 1, 1.4, 1.9};
  for (std::size_t i = 0; i < d.percentiles.size(); ++i) {
    const double value = p95 * factors[i];
    d.percentiles[i] = {value, value * 0.93,
                        i > 2 ? std::numeric_limits<double>::infinity() : value * 1.11};
  }
  return d;
}

inline LoadRun sample_run(const SampleNumbers& n, double usd_per_hour) {
  LoadRun run{.offered_rate = 4, .requests = 80, .seconds = 20};
  run.latency = {.ttft_ms = sample_distribution(n.ttft_ms, 80),
                 .itl_ms = sample_distribution(n.ttft_ms / 10, 2480),
                 .tpot_ms = sample_distribution(n.ttft_ms / 11, 80),
                 .e2e_latency_ms = sample_distribution(n.ttft_ms * 5, 80)};
  run.request_rate = 3.9;
  run.output_tokens_per_s = usd_per_hour / 3600 / n.usd * 1e6;
  run.input_tokens_per_s = 2 * run.output_tokens_per_s;
  run.goodput = 3.7;
  run.slo_attainment = 0.9625;
  return run;
}

inline Measurement sample_measurement(const SampleNumbers& n, double usd_per_hour) {
  Measurement m{.seconds = 2.5, .measured_at = "2001-02-03T04:05:06Z"};
  m.speed.at_workload = sample_run(n, usd_per_hour);
  m.speed.at_max_rate = sample_run(n, usd_per_hour);
  m.speed.rate_search = {sample_run(n, usd_per_hour), sample_run(n, usd_per_hour)};
  m.speed.rate_search[1].offered_rate = 8;
  m.speed.rate_search[1].meets_slo = false;
  m.speed.rate_search[1].missed = "ttft_ms p95 = 512 > 300";
  m.speed.max_rate = 4;
  m.speed.usd_per_million_output_tokens = n.usd;
  m.speed.cost = {n.usd, n.usd * 0.96, n.usd * 1.05};
  m.speed.load_s = 0.4;
  m.speed.peak_memory_bytes = 64 << 20;
  m.speed.weight_bytes = 13 << 20;
  m.speed.kv_bytes = 4 << 20;
  m.quality = {.kl_divergence = n.kl,
               .kl_standard_error = n.kl * 0.06,
               .kl_p99 = n.kl * 9,
               .kl_p999 = n.kl * 20,
               .kl_noise_floor = 1e-11,
               .same_top1_fraction = 1 - n.kl,
               .same_top1_standard_error = n.kl / 20,
               .perplexity = 3.21 * (1 + n.kl),
               .reference_perplexity = 3.21,
               .perplexity_ratio = 1 + n.kl,
               .perplexity_ratio_standard_error = n.kl / 15,
               .tokens = 4096,
               .documents = 60,
               .answers = 90,
               .same_answers_fraction = 1 - n.kl,
               .first_divergent_token = 4};
  m.quality.capabilities = {{.name = "arithmetic",
                             .items = 50,
                             .accuracy = n.accuracy - 0.1,
                             .standard_error = 0.066,
                             .reference_accuracy = 0.64,
                             .broken = 3,
                             .mended = 1,
                             .drop = 0.038,
                             .drop_standard_error = 0.047,
                             .mcnemar_p = 0.625},
                            {.name = "copying | <b>words</b>",
                             .items = 50,
                             .accuracy = n.accuracy + 0.1,
                             .standard_error = 0.045,
                             .reference_accuracy = 0.86,
                             .broken = 2,
                             .mended = 2,
                             .drop_standard_error = 0.047}};
  m.quality.accuracy = n.accuracy;
  m.quality.accuracy_standard_error = 0.04;
  return m;
}

inline Study sample_header() {
  Study study{.id = "test-study-0123456789abcdef",
              .workload_json = R"({"name":"test </script> data","num_requests":80})",
              .model_path = "/test/data/not-a-model.gguf",
              .model_hash = "0123456789abcdef0123456789abcdef",
              .calibration = {{1, 2, 3}},
              .model_format = "BF16",
              .build = "paretune test build",
              .command = "tune workloads/test.json --out '/test & data'",
              .started_at = "2001-02-03T04:00:00Z",
              .finished_at = "2001-02-03T04:10:00Z",
              .strategy = "nsga2",
              .seed = 42,
              .latency_objective = "ttft_ms p95"};
  study.workload.name = kNastyName;
  study.workload.description = "Made by hand to look at reports; nothing here was measured.";
  study.workload.cost = {
      .usd_per_hour = 0.36, .price_source = "test data", .price_date = "2001-02-03"};
  study.workload.slo.bounds = {{.metric = &kTtft, .percentile = kPercentiles[2], .max_ms = 300}};
  study.workload.objective = {.metric = &kTtft, .percentile = kPercentiles[2]};
  study.workload.num_requests = 80;
  study.workload.traffic = {{.name = "chat",
                             .share = 1,
                             .input_seq_len = {.value = 120},
                             .output_seq_len = {.value = 32}}};
  study.workload.traffic[0].prefix = {.prefix_len = 48, .num_groups = 4};
  study.workload.arrival.process = &kPoisson;
  study.model = {.architecture = "llama", .n_layers = 4, .max_seq_len = 512};
  study.machine = {.cpu = "Test CPU, no real machine",
                   .cores = 2,
                   .memory_bytes = 8ull << 30,
                   .isa = "avx2 avx512",
                   .fingerprint = "fedcba9876543210"};
  return study;
}

inline Study sample_study() {
  Study study = sample_header();
  const std::vector<SampleNumbers> numbers{
      {1.25, 212, 0, 0.755},      {0.83, 171, 0.00021, 0.75}, {0.42, 153, 0.0032, 0.745},
      {0.31, 144, 0.0191, 0.72},  {0.22, 160, 0.118, 0.61},   {0.66, 97, 0.0029, 0.74},
      {0.95, 88, 0.00024, 0.755}, {1.41, 230, 0.0001, 0.75},  {0.58, 260, 0.0041, 0.73},
      {0.27, 415, 0.0188, 0.72},  {2.9, 690, 0.0202, 0.7},
  };
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Trial trial{.id = static_cast<int>(i), .measurement = sample_measurement(numbers[i], 0.36)};
    trial.objectives = {numbers[i].usd, numbers[i].ttft_ms, numbers[i].kl};
    trial.feasible = numbers[i].ttft_ms <= 300;
    if (!trial.feasible) trial.violations = {"ttft_ms p95: more than 300 | <i>test</i>"};
    trial.on_front = i < 7;
    study.trials.push_back(std::move(trial));
  }
  const auto config = [&](std::size_t id) -> DeployConfig& { return study.trials[id].config; };
  const auto weights = [](const char* text) { return parse_policy(text, "sample"); };
  config(1).weights = weights("mlp=int8");
  config(2).weights = weights("all=int8");
  config(3).weights = weights("linear=int4_g32:gptq,down@0=int8");
  config(4).weights = weights("all=int4_g128");
  config(4).kv_cache = &kKvInt8;
  config(5).weights = weights("mlp=int8");
  config(5).decode_threads = config(5).prefill_threads = 2;
  config(6).decode_threads = config(6).prefill_threads = 2;
  config(6).activations.name = "int8";
  config(7).prefix_caching = false;
  config(8).weights = weights("mlp=int4_g32");
  config(8).schedule.name = "prefill_first";
  config(9).max_batch_size = 64;
  config(9).weights = weights("linear=int4_g32");
  config(10).kv_page_tokens = 64;
  Trial failed{.id = 11};
  failed.config.kv_cache_tokens = 65536;
  failed.measurement.outcome = Outcome::out_of_memory;
  failed.measurement.detail =
      "=test: wanted 9 GiB, \"8\" are there\nsecond line | <script>alert(2)</script>";
  study.trials.push_back(std::move(failed));

  study.cost_model = "calibrated on made-up runs (test data)";
  for (int i = 0; i < 4; ++i) {
    const SampleNumbers& n = numbers[std::size_t(i)];
    study.trials[std::size_t(i)].predicted =
        Prediction{.objectives = {1.1 * n.usd, 0.8 * n.ttft_ms,
                                  i == 3 ? std::numeric_limits<double>::quiet_NaN() : 0.5 * n.kl},
                   .max_rate = 4.4,
                   .output_tokens_per_s = 100};
  }
  study.front = {4, 3, 2, 5, 1, 6, 0};
  study.picks = {{"recommended", 2, "the cheapest that loses little | test"},
                 {"cheapest", 4, "the lowest cost within the SLO"},
                 {"fastest", 6, "the lowest TTFT p95"},
                 {"best_quality", 0, "the lowest KL divergence"},
                 {"knee", 2, "nearest to the ideal point"},
                 {"default", 0, "what one would start with"}};
  study.feasible = true;
  study.knobs = {{"weights",
                  "quality",
                  "format of every kind of layer",
                  {"all=f32", "all=bf16", "mlp=int8", "all=int8", "all=int4_g128"}},
                 {"decode_threads", "exact", "pinned threads", {"1", "2"}},
                 {"prefix_caching", "rounding", "reuse cached pages", {"true"}}};
  study.knob_losses = {{"activations", "int8", "none", 2e-4, 1e-5},
                       {"kv_cache", "int8", "", 5e-5, 4e-6}};
  study.sensitivity = {{LayerKind::qkv, parse_treatment("int8", "sample"), 1e-4, 1e-5},
                       {LayerKind::down, parse_treatment("int8", "sample"), 3e-4, 2e-5},
                       {LayerKind::down, parse_treatment("int4_g32:gptq", "sample"), 9e-4, 5e-5}};
  study.layer_losses = {
      {LayerKind::down, 0, 0, parse_treatment("int3_g64:gptq", "sample"), 4e-3, 2e-4},
      {LayerKind::down, 1, 2, parse_treatment("int3_g64:gptq", "sample"), 1e-3, 1e-4}};
  study.ladder = {{"int4_g32:gptq",
                   4.56,
                   0.004,
                   0.0003,
                   {{.name = "copy",
                     .items = 12,
                     .accuracy = 1,
                     .reference_accuracy = 1,
                     .drop_standard_error = 0.1},
                    {.name = "arithmetic",
                     .items = 12,
                     .accuracy = 0.92,
                     .reference_accuracy = 1,
                     .broken = 1,
                     .drop = 0.07,
                     .drop_standard_error = 0.12}}},
                  {"int3_g32:gptq",
                   3.56,
                   0.04,
                   0.002,
                   {{.name = "copy",
                     .items = 12,
                     .accuracy = 1,
                     .reference_accuracy = 1,
                     .drop_standard_error = 0.1},
                    {.name = "arithmetic",
                     .items = 12,
                     .accuracy = 0.25,
                     .reference_accuracy = 1,
                     .broken = 9,
                     .drop = 0.64,
                     .drop_standard_error = 0.13}}}};
  study.space = {
      {"all combinations", "every choice of every knob", 147'456'000, true},
      {"threads are cores", "more threads than cores take turns <test>", 36'864'000, false}};
  for (int i = 0; i < 11; ++i)
    study.progress.push_back({i, 5.0 * i + 4, 0.1 + 0.06 * std::min(i, 6)});
  study.regret = 0.034;
  study.certified = {.reached = 0.46, .reachable = 0.69, .policies = 17, .broken = 0};
  study.effort = "runs of 40 requests instead of 400";
  study.trials[2].slowdown = 1.25;
  study.verification = {
      .done = true,
      .trial = 2,
      .seed = 4242,
      .metrics = {{"usd_per_million_output_tokens", 0.42, 0.43}, {"ttft_ms p95", 153, 149}},
      .meets_slo = true,
      .not_worse_than_default = true,
      .verdict = "meets every limit and beats the default (test data)."};
  study.seconds = 62.5;
  study.resumed_trials = 3;
  study.stop_reason = "budget of 12 trials used";
  return study;
}

// Interrupted before the first trial ended.
inline Study empty_study() {
  Study study = sample_header();
  study.stop_reason = "interrupted";
  return study;
}

// The default config and nothing else.
inline Study one_trial_study() {
  Study study = sample_study();
  study.trials.resize(1);
  study.front = {0};
  study.picks = {{"recommended", 0, "it is all there is"},
                 {"default", 0, "what one would start with"}};
  study.progress.resize(1);
  study.verification = {};
  study.stop_reason = "interrupted";
  return study;
}

inline Study failed_study() {
  Study study = sample_header();
  study.trials = {sample_study().trials.back()};
  study.trials[0].id = 0;
  study.picks = {{"default", 0, "what one would start with"}};
  study.binding_constraint = "memory";
  return study;
}

inline Study infeasible_study() {
  Study study = sample_study();
  study.feasible = false;
  study.workload.slo.bounds[0].max_ms = 50;
  for (Trial& trial : study.trials) {
    trial.feasible = false;
    trial.violations = {"ttft_ms p95: more than 50"};
  }
  study.picks = {{"nearest", 6, "misses the limit by least"},
                 {"default", 0, "what one would start with"}};
  study.binding_constraint = "TTFT p95 of at most 50 ms: no trial is below 88 ms";
  study.verification = {};
  return study;
}

inline std::vector<std::pair<std::string, Study>> sample_studies() {
  return {{"full", sample_study()},
          {"empty", empty_study()},
          {"one_trial", one_trial_study()},
          {"failed", failed_study()},
          {"infeasible", infeasible_study()}};
}

}  // namespace paretune
