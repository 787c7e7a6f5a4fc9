#include "profiles/cost_model/speed_predictor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "profiles/cost_model/simulation.h"
#include "profiles/statistics.h"
#include "workloads/requests.h"

namespace paretune {
namespace {

// Shares of capacity at which open loops are traced.
constexpr std::array kLoads{0.05, 0.2, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.4, 2.0, 4.0, 10.0};
constexpr std::size_t kFullLoad = 7;

// A gap between tokens is taken for the mean gap of its request.
std::vector<float>& values_of(TracedRun& run, const LatencyMetric& metric) {
  return &metric == &kTtft ? run.ttft_ms : &metric == &kE2e ? run.e2e_ms : run.tpot_ms;
}

LoadMetrics metrics_of(TracedRun& run) {
  LoadMetrics values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const LoadMetric& metric = kLoadMetrics[i];
    if (metric.latency) {
      values[i] =
          quantile(values_of(run, *metric.latency), kPercentiles[metric.percentile].percent / 100);
    } else {
      values[i] =
          metric.rate == &LoadRun::request_rate ? run.request_rate : run.output_tokens_per_s;
    }
  }
  return values;
}

}  // namespace

SpeedPredictor::SpeedPredictor(CostModel model, Workload workload, std::uint64_t seed,
                               std::span<const std::int32_t> vocabulary)
    : model_(std::move(model)),
      workload_(std::move(workload)),
      seed_(seed),
      vocabulary_(vocabulary) {
  for (const RequestSpec& request :
       make_requests(workload_, seed_, workload_.warmup_requests + 2 * workload_.num_requests)) {
    prefixes_ |= request.prefix_group >= 0 || !request.prefix_blocks.empty();
    longest_ = std::max(longest_, request.input_tokens + request.output_tokens);
  }
  for (const SloBound& bound : workload_.slo.bounds) {
    const double q = bound.percentile.percent / 100;
    const int n = workload_.num_requests, rank = upper_rank(n, q);
    judged_at_.push_back(bound.metric->per_request && rank > 0 ? (rank - 0.5) / n : q);
  }
}

LoadLevel SpeedPredictor::saturation(const DeployConfig& config) const {
  return {.concurrency = 2 * config.max_batch_size};
}

LoadMetrics SpeedPredictor::simulate(const DeployConfig& config, const LoadLevel& level) {
  return paretune::metrics_of(simulate_load(model_.target().model, config, model_.step_cost(config),
                                            workload_, level, seed_, vocabulary_));
}

SpeedPredictor::Schedule SpeedPredictor::schedule_of(const DeployConfig& config) const {
  // Pages matter where they may run short or be shared.
  const bool roomy =
      std::int64_t(config.max_batch_size) * (longest_ + 64) <= config.kv_cache_tokens;
  const bool shared = prefixes_ && config.prefix_caching;
  const bool pages = !roomy || shared;
  return {config.max_batch_size,
          config.prefill_chunk,
          config.schedule.name,
          pages ? config.kv_page_tokens : 0,
          pages ? config.kv_cache_tokens : 0,
          shared};
}

SpeedPredictor::Traces& SpeedPredictor::traces_of(const DeployConfig& config) {
  const auto [found, is_new] = by_schedule_.try_emplace(schedule_of(config));
  Traces& traces = found->second;
  if (is_new) {
    // Traced under costs that do not depend on who asked first.
    traces.config = config;
    traces.cost = model_.step_cost(default_config(model_.target()));
    traces.saturated.emplace(model_.target().model, traces.config, traces.cost, workload_,
                             saturation(config), seed_, vocabulary_);
  }
  return traces;
}

const LoadTrace& SpeedPredictor::open_trace(Traces& traces, std::size_t load) {
  const auto found = traces.open.find(load);
  if (found != traces.open.end()) return found->second;
  const LoadLevel level{.rate = kLoads[load] * traces.saturated->run().request_rate};
  return traces.open
      .emplace(load, LoadTrace(model_.target().model, traces.config, traces.cost, workload_, level,
                               seed_, vocabulary_))
      .first->second;
}

void SpeedPredictor::look_at_rate(Traces& traces, const StepCost& cost, double rate,
                                  SpeedEstimate& result) {
  const double share = rate / result.capacity;
  const double stretch = traces.saturated->run().request_rate / result.capacity;
  std::size_t high = 0;
  while (high + 1 < kLoads.size() && kLoads[high] < share) ++high;
  const std::size_t low = high == 0 || share > kLoads[high] ? high : high - 1;
  const auto look = [&](std::size_t load, LoadMetrics& metrics, double& objective_ms) {
    open_trace(traces, load).recost(cost, stretch, scratch_);
    metrics = metrics_of(scratch_);
    objective_ms = quantile(values_of(scratch_, *workload_.objective.metric),
                            workload_.objective.percentile.percent / 100);
  };
  look(low, result.at_rate, result.objective_ms);
  if (low == high) return;
  LoadMetrics above;
  double objective_above = 0;
  look(high, above, objective_above);
  const double part = (share - kLoads[low]) / (kLoads[high] - kLoads[low]);
  for (std::size_t i = 0; i < above.size(); ++i)
    result.at_rate[i] += part * (above[i] - result.at_rate[i]);
  result.objective_ms += part * (objective_above - result.objective_ms);
}

double SpeedPredictor::use_of_limits(TracedRun& run) const {
  double most = 0;
  for (std::size_t i = 0; i < judged_at_.size(); ++i) {
    const SloBound& bound = workload_.slo.bounds[i];
    most = std::max(most, quantile(values_of(run, *bound.metric), judged_at_[i]) / bound.max_ms);
  }
  return most;
}

void SpeedPredictor::find_max_rate(Traces& traces, const StepCost& cost, SpeedEstimate& result) {
  struct Look {
    double use, rate, tokens;
  };
  const auto look_at = [&](std::size_t load) {
    open_trace(traces, load)
        .recost(cost, traces.saturated->run().request_rate / result.capacity, scratch_);
    const double rate = scratch_.request_rate, tokens = scratch_.output_tokens_per_s;
    return Look{use_of_limits(scratch_), rate, tokens};
  };
  // Loads up to the last one that keeps the limits; most configs keep them at all or at none.
  std::size_t kept = 0, missed = kFullLoad + 1;  // kept: how many of the first loads do
  Look last{}, next{};
  for (std::size_t load = kFullLoad; kept < missed; load = (kept + missed - 1) / 2) {
    const Look look = look_at(load);
    if (look.use <= 1) {
      kept = load + 1;
      last = look;
    } else {
      missed = load;
      next = look;
    }
  }
  if (kept == 0) return;
  result.max_rate = last.rate;
  result.output_tokens_per_s = last.tokens;
  if (kept > kFullLoad) return;
  const double part =
      (1 - last.use) / (next.use - last.use);  // of the way to the first that misses
  result.max_rate += part * std::max(next.rate - last.rate, 0.0);
  result.output_tokens_per_s += part * std::max(next.tokens - last.tokens, 0.0);
}

void SpeedPredictor::look_at_concurrency(Traces& traces, const StepCost& cost, int own, int most,
                                         SpeedEstimate& result) {
  const auto look_at = [&](int concurrency) {
    auto found = traces.closed.find(concurrency);
    if (found == traces.closed.end())
      found = traces.closed
                  .emplace(concurrency,
                           LoadTrace(model_.target().model, traces.config, traces.cost, workload_,
                                     {.concurrency = concurrency}, seed_, vocabulary_))
                  .first;
    found->second.recost(cost, 1, scratch_);
    const bool meets = use_of_limits(scratch_) <= 1;
    if (meets && scratch_.output_tokens_per_s > result.output_tokens_per_s) {
      result.max_rate = scratch_.request_rate;
      result.output_tokens_per_s = scratch_.output_tokens_per_s;
    }
    return meets;
  };
  result.meets_slo = look_at(own);
  result.at_rate = metrics_of(scratch_);
  result.objective_ms = quantile(values_of(scratch_, *workload_.objective.metric),
                                 workload_.objective.percentile.percent / 100);
  if (!result.meets_slo) {
    result.output_tokens_per_s = result.at_rate[0];
  } else if (most > own && !look_at(most) && most > own + 1) {
    look_at((own + most) / 2);
  }
}

SpeedEstimate SpeedPredictor::estimate(const DeployConfig& config, double rate) {
  return estimate(config, LoadLevel{.rate = rate});
}

SpeedEstimate SpeedPredictor::estimate(const DeployConfig& config, const LoadLevel& level) {
  const StepCost cost = model_.step_cost(config);
  Traces& traces = traces_of(config);
  SpeedEstimate result;
  traces.saturated->recost(cost, 1, scratch_);
  result.capacity = scratch_.request_rate;
  result.saturated = metrics_of(scratch_);
  if (!level.rate) {
    look_at_concurrency(traces, cost, level.concurrency, config.max_batch_size, result);
    return result;
  }
  look_at_rate(traces, cost, *level.rate, result);
  if (workload_.slo.bounds.empty()) {
    result.max_rate = result.capacity;
    result.output_tokens_per_s = result.saturated[0];
    return result;
  }
  result.output_tokens_per_s = result.at_rate[0];
  find_max_rate(traces, cost, result);
  result.meets_slo = result.max_rate >= *level.rate;
  return result;
}

std::size_t SpeedPredictor::traces() const {
  std::size_t sum = 0;
  for (const auto& [schedule, traces] : by_schedule_)
    sum += 1 + traces.open.size() + traces.closed.size();
  return sum;
}

}  // namespace paretune
