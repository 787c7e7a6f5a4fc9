#include "optimizer/start_order.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "optimizer/judge.h"
#include "optimizer/prior.h"

namespace paretune {
namespace {

constexpr double kCareful = 0.1;  // of the limit of KL divergence

// Whether a trial that meets every limit has what is predicted here and more: a tenth of cost and
// latency, since predictions are not better than that.
bool is_surpassed(const Prediction& prediction, std::span<const Trial> trials) {
  constexpr double kMargin = 1.1;
  const Objectives& p = prediction.objectives;
  return std::ranges::any_of(trials, [&](const Trial& trial) {
    const Objectives& o = trial.objectives;
    return trial.feasible &&
           kMargin * o.usd_per_million_output_tokens < p.usd_per_million_output_tokens &&
           kMargin * o.latency_ms < p.latency_ms && o.kl_divergence <= p.kl_divergence;
  });
}

}  // namespace

std::optional<DeployConfig> take_start(std::vector<DeployConfig>& starts, const Predict& predict,
                                       std::span<const Trial> trials, const Workload& rated) {
  const double careful = trials.size() > 1
                             ? std::numeric_limits<double>::infinity()
                             : kCareful * floors_of(rated).max_kl_divergence.value_or(0.05);
  std::optional<std::tuple<bool, bool, double>> best;
  std::size_t at = 0;
  for (std::size_t i = 0; i < starts.size();) {
    std::optional<Prediction> prediction = predict(starts[i]);
    if (prediction) prediction = corrected(*prediction, trials);
    if (prediction && is_surpassed(*prediction, trials)) {
      starts.erase(starts.begin() + std::ptrdiff_t(i));
      continue;
    }
    const double kl = prediction ? prediction->objectives.kl_divergence : NAN;
    const std::tuple promise(std::isnan(kl), kl > careful,
                             prediction ? predicted_scores(*prediction, rated).raised()[0] : 0);
    if (!best || promise < *best) best = promise, at = i;
    ++i;
  }
  if (!best) return std::nullopt;
  DeployConfig config = std::move(starts[at]);
  starts.erase(starts.begin() + std::ptrdiff_t(at));
  return config;
}

}  // namespace paretune
