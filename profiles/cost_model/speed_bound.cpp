#include "profiles/cost_model/speed_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "profiles/cost_model/load_trace.h"
#include "profiles/cost_model/product_uses.h"
#include "workloads/trace.h"

namespace paretune {
namespace {

int shared_tokens(const RequestSpec& request) {
  const int shared = request.prefix_blocks.empty()
                         ? request.prefix_tokens
                         : kMooncakeBlockTokens * static_cast<int>(request.prefix_blocks.size());
  return std::min(shared, request.input_tokens - 1);  // the last token is never found in the cache
}

}  // namespace

SpeedBounds::SpeedBounds(const OperatorTimes& times, const Target& target, const Workload& workload,
                         std::uint64_t seed)
    : shape_(target.model),
      metric_(workload.objective.metric),
      quantile_(workload.objective.percentile.percent / 100) {
  const double cores = std::max(1, target.machine.cores);
  times.for_each_product([&](const ProductKey& key, int m, double seconds) {
    constexpr double kNone = std::numeric_limits<double>::infinity();
    Best& best =
        best_.try_emplace({key.weights, key.n, key.k}, Best{kNone, kNone, kNone}).first->second;
    const double share = std::min(1.0, key.threads / cores);
    best.core_s_per_row = std::min(best.core_s_per_row, share * seconds / m);
    best.s_per_row = std::min(best.s_per_row, seconds / m);
    best.step_s = std::min(best.step_s, seconds);
  });
  const auto all =
      make_requests(workload, seed, workload.warmup_requests + workload.num_requests, 1.0);
  for (auto i = static_cast<std::size_t>(workload.warmup_requests); i < all.size(); ++i) {
    requests_.push_back(
        {double(all[i].input_tokens - shared_tokens(all[i])), double(all[i].output_tokens)});
  }
}

SpeedBound SpeedBounds::of(const Policy& policy) const {
  double core_s = 0, logit_core_s = 0, row_s = 0, logit_row_s = 0, step_s = 0;
  for (const ProductUse& use : product_uses(policy, shape_)) {
    const auto found = best_.find({use.weights, use.n, use.k});
    if (found == best_.end()) continue;
    const Best& best = found->second;
    const double times = use.times * (use.expert ? shape_.n_experts_used : 1);
    (use.every_row ? core_s : logit_core_s) += times * best.core_s_per_row;
    (use.every_row ? row_s : logit_row_s) += times * best.s_per_row;
    step_s += times * best.step_s;
  }
  double seconds = 0, tokens = 0;
  std::vector<float> latencies;
  for (const Lengths& request : requests_) {
    // The first output token comes with the prompt's last row.
    const double rows = request.fresh_input_tokens + request.output_tokens - 1;
    seconds += rows * core_s + request.output_tokens * logit_core_s;
    tokens += request.output_tokens;
    const double ttft_s = std::max(request.fresh_input_tokens * row_s + logit_row_s, step_s);
    const double gaps = request.output_tokens - 1;
    if (metric_ == &kTtft) {
      latencies.push_back(float(1e3 * ttft_s));
    } else if (metric_ == &kE2e) {
      latencies.push_back(float(1e3 * (ttft_s + gaps * step_s)));
    } else if (gaps > 0) {
      latencies.push_back(float(1e3 * step_s));
    }
  }
  return {.output_tokens_per_s =
              seconds > 0 ? tokens / seconds : std::numeric_limits<double>::infinity(),
          .latency_ms = quantile(latencies, quantile_)};
}

}  // namespace paretune
