#include "profiles/cost_model/operator_timer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "profiles/cost_model/least_squares.h"
#include "profiles/cost_model/product_uses.h"
#include "profiles/kernel_runner.h"
#include "runtime/engine/model.h"

namespace paretune {
namespace {

constexpr double kLeastSeconds = 150e-6;  // at least: shorter ones drown in the clock's noise
constexpr int kSamples = 3;

std::vector<float> some_floats(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = float(i * 7 % 13) / 13 - 0.5f;
  return values;
}

// The median of some samples, each of enough repetitions. seconds(times): of one, the mean.
template <class Seconds>
double median_of(Seconds&& seconds) {
  seconds(1);  // pages in
  const double once = std::max(seconds(1), 1e-9);
  const int times = std::clamp(static_cast<int>(std::ceil(kLeastSeconds / once)), 1, 100'000);
  std::array<double, kSamples> samples;
  for (double& sample : samples) sample = seconds(times);
  std::ranges::sort(samples);
  return samples[kSamples / 2];
}

template <class Run>
double time_calls(Clock& clock, Run&& run) {
  return median_of([&](int times) {
    const double begin = clock.now();
    for (int i = 0; i < times; ++i) run();
    return (clock.now() - begin) / times;
  });
}

// Weights of one shape on one number of threads, and which plans for which rows.
struct Job {
  KernelTask task;
  std::map<int, std::vector<MatmulPlan>> plans;  // by rows
  int uses = 0;
};

// One of `use` for up to `most` rows.
void add_job(std::vector<Job>& jobs, const ProductUse& use, int threads, const MatmulPlans& plans,
             int most) {
  auto job = std::ranges::find_if(jobs, [&](const Job& j) {
    return j.task.weights == use.weights && j.task.n == use.n && j.task.k == use.k &&
           j.task.threads == threads;
  });
  if (job == jobs.end()) {
    jobs.push_back({.task = {.weights = use.weights, .n = use.n, .k = use.k, .threads = threads}});
    job = jobs.end() - 1;
  }
  ++job->uses;
  for (const int rows : kTimedRows) {
    if (rows / 2 >= std::max(most, 2)) continue;
    std::vector<MatmulPlan>& wanted = job->plans[rows];
    if (std::ranges::find(wanted, plans.at(rows)) == wanted.end()) wanted.push_back(plans.at(rows));
  }
}

std::vector<Job> jobs_of(const Target& target, std::span<const DeployConfig> configs,
                         const KernelTable& kernels) {
  std::vector<Job> jobs;
  std::vector<std::pair<Policy, std::vector<ProductUse>>> policies;
  for (const DeployConfig& config : configs) {
    auto known =
        std::ranges::find(policies, config.weights, &decltype(policies)::value_type::first);
    if (known == policies.end()) {
      policies.emplace_back(config.weights, product_uses(config.weights, target.model));
      known = policies.end() - 1;
    }
    for (const ProductUse& use : known->second) {
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        const bool prefill = phase == Phase::prefill;
        const int threads = prefill ? config.prefill_threads : config.decode_threads;
        const int most = prefill && use.every_row
                             ? std::max(config.prefill_chunk, config.max_batch_size)
                             : config.max_batch_size;
        const MatmulPlans plans = plans_for(use, phase, config, kernels);
        add_job(jobs, use, threads, plans, most);
        if (use.every_row && shards_rows(config, target.model, threads, most))
          add_job(jobs, use, 1, plans, (most + threads - 1) / threads);
      }
    }
  }
  // As cold as they would be in a model all of whose weights have this format.
  for (Job& job : jobs) {
    for (const ProductUse& use : product_uses(
             uniform_policy(kAllKinds, {.format = job.task.weights}, {.format = job.task.weights}),
             target.model)) {
      job.task.model_bytes +=
          static_cast<std::size_t>(use.times) * use.weights->packed_bytes(use.n, use.k);
    }
  }
  std::ranges::stable_sort(jobs, std::greater<>(), &Job::uses);
  return jobs;
}

void time_products(const std::vector<Job>& jobs, Clock& clock, double deadline,
                   OperatorTimes& times) {
  const Caches caches = this_machines_caches();
  std::map<int, std::unique_ptr<ThreadPool>> pools;  // by threads
  const auto all = std::span(kTimedRows);
  for (const auto rows_of_round : {all.first(kRoughRows), all.subspan(kRoughRows)}) {
    for (const Job& job : jobs) {
      if (clock.now() > deadline) return;
      std::unique_ptr<ThreadPool>& pool = pools[job.task.threads];
      if (!pool) pool = std::make_unique<ThreadPool>(job.task.threads);
      std::optional<KernelWeights> weights;
      for (const int rows : rows_of_round) {
        const auto plans = job.plans.find(rows);
        if (plans == job.plans.end()) continue;
        std::optional<KernelRunner> runner;
        for (const MatmulPlan& plan : plans->second) {
          const ProductKey key{job.task.weights, plan, job.task.n, job.task.k, job.task.threads};
          if (times.has(key, rows)) continue;
          if (!weights) weights.emplace(job.task, caches);
          if (!runner) runner.emplace(job.task, rows, *weights, *pool, clock);
          const double seconds = median_of([&](int n) { return runner->run(plan, n); });
          times.add(key, rows, seconds * job.task.n / runner->columns());
        }
      }
    }
  }
}

void time_casts(const std::vector<Job>& jobs, Clock& clock, double deadline, OperatorTimes& times) {
  constexpr int kRows = 16;
  for (const Job& job : jobs) {
    const int k = job.task.k;
    for (const auto& [rows, plans] : job.plans) {
      for (const MatmulPlan& plan : plans) {
        const auto known = times.prepare_row.find({plan.variant, k});
        if (known != times.prepare_row.end() || clock.now() > deadline) continue;
        const std::vector<float> x = some_floats(std::size_t(kRows) * std::size_t(k));
        AlignedBuffer prepared(plan.variant->prepared_bytes(kRows, k));
        times.prepare_row[{plan.variant, k}] =
            time_calls(
                clock,
                [&] { plan.variant->prepare(x.data(), kRows, k, 0, kRows, prepared.data()); }) /
            kRows;
      }
    }
  }
}

// A cache of one sequence and one layer, full.
struct OneLayerCache {
  OneLayerCache(const ModelShape& s, const KvFormat& format, int tokens)
      : vector(some_floats(static_cast<std::size_t>(s.head_dim))) {
    const int page_tokens = std::max(kKvGroup, format.window);
    const std::size_t page = kv_page_bytes(format, page_tokens, s.n_kv_heads, s.head_dim);
    const int count = (tokens + page_tokens - 1) / page_tokens;
    memory = AlignedBuffer(page * static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
      pages.push_back(memory.data() + page * static_cast<std::size_t>(i));
    view = {&format, pages, page_tokens, s.n_kv_heads, s.head_dim};
    if (format.window) {
      view.recent_tokens = 2 * format.window;
      recent = AlignedBuffer(kv_recent_bytes(format, view.recent_tokens, s.n_kv_heads, s.head_dim));
      view.recent = recent.data();
    }
    for (int t = 0; t + kKvGroup <= count * page_tokens; t += kKvGroup) store_group(t);
  }

  // Keys and values of kKvGroup tokens, all heads.
  void store_group(int first) const {
    for (int head = 0; head < view.n_kv_heads; ++head) {
      for (int t = first; t < first + kKvGroup; ++t) view.store(t, head, vector, vector);
      if (view.format->window) view.settle(first, head);
    }
  }

  std::vector<float> vector;
  AlignedBuffer memory{0}, recent{0};
  std::vector<std::byte*> pages;
  KvPages view;
};

AttentionTime time_attention(const AttentionVariant& variant, const ModelShape& s, Clock& clock) {
  constexpr int kTile = Model::kAttentionTile;
  const int most = std::max(std::min(s.max_seq_len, 1024), 2 * kTile);
  OneLayerCache cache(s, *variant.format, most);
  const std::vector<float> query =
      some_floats(std::size_t(kTile) * std::size_t(s.n_heads * s.head_dim));
  std::vector<float> out(query.size());
  std::vector<float> scratch(variant.scratch_floats(most, s.n_heads, s.n_kv_heads, s.head_dim));
  const float scale = 1 / std::sqrt(float(s.head_dim));
  const auto seconds = [&](int tokens, int past) {
    return time_calls(clock, [&] {
      for (int head = 0; head < s.n_kv_heads; ++head) {
        variant.run(query.data(), s.n_heads, cache.view, past, head, 0, tokens, scale, scratch,
                    out.data());
      }
    });
  };
  const auto line = [&](int tokens) {  // {per token, per position seen}
    NormalEquations fit(2);
    for (const int past : {0, most / 8, most / 3, most - tokens}) {
      const double pairs = double(tokens) * past + 0.5 * tokens * (tokens + 1);
      const double t = seconds(tokens, past);
      fit.add(std::array{double(tokens), pairs}, t, 1 / (t * t));
    }
    return fit.non_negative();
  };
  const auto single = line(1), chunk = line(kTile);
  return {single[0], single[1], chunk[0], chunk[1]};
}

}  // namespace

OperatorTimes time_operators(const Target& target, std::span<const DeployConfig> configs,
                             const KernelTable& kernels, Clock& clock, double deadline,
                             OperatorTimes known) {
  OperatorTimes times = std::move(known);
  const ModelShape& s = target.model;
  // What is left out takes the mean of its kind; products decide more, so half the time is theirs.
  const double half = 0.5 * (clock.now() + deadline);
  for (const DeployConfig& config : configs) {
    if (!times.attention.empty() && clock.now() > half) break;
    const AttentionVariant& variant =
        resolve_attention(config.attention_kernel.name, *config.kv_cache);
    if (!times.attention.contains(&variant))
      times.attention[&variant] = time_attention(variant, s, clock);
    if (double& row = times.store_row[config.kv_cache]; row == 0) {
      OneLayerCache cache(s, *config.kv_cache, kKvGroup);
      row = time_calls(clock, [&] { cache.store_group(0); }) / kKvGroup;
    }
  }
  const std::vector<Job> jobs = jobs_of(target, configs, kernels);
  time_casts(jobs, clock, half + 0.2 * (deadline - half), times);
  time_products(jobs, clock, deadline, times);
  return times;
}

}  // namespace paretune
