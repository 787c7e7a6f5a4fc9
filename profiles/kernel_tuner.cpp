#include "profiles/kernel_tuner.h"

#include <algorithm>
#include <cmath>

#include "profiles/statistics.h"
#include "runtime/engine/model.h"

namespace paretune {
namespace {

constexpr double kSampleSeconds = 300e-6;  // at least: shorter ones drown in the clock's noise
constexpr int kPairs = 7;                  // of winner and default
constexpr double kWorthIt = 1.02;          // the gain below which the default stays

KernelChoice tune_one(const KernelTask& task, int m, const KernelWeights& weights,
                      const Caches& caches, ThreadPool& pool, Clock& clock, double budget_s,
                      const std::function<void(const KernelChoice&)>& wrong) {
  KernelChoice choice{.key = {task.weights, task.activations, task.n, task.k, m, task.threads}};
  KernelRunner runner(task, m, weights, pool, clock);
  const double begin = clock.now();
  struct Candidate {
    MatmulPlan plan;
    double best_s = 0;
  };
  std::vector<Candidate> candidates;
  for (const MatmulPlan& plan : candidate_plans(choice.key, caches)) candidates.push_back({plan});
  const MatmulPlan default_plan = candidates.front().plan;

  runner.run(default_plan, 1);  // pages in
  const double once = std::max(runner.run(default_plan, 1), 1e-7);
  const int times = std::clamp(static_cast<int>(std::ceil(kSampleSeconds / once)), 1, 256);
  // The pairs at the end are for sure; of the rest, two runs a candidate and one for its check.
  const double sample_s = times * once;
  const double affordable = (budget_s - 2 * kPairs * sample_s) / (3 * sample_s);
  const std::size_t count = std::clamp<std::size_t>(
      static_cast<std::size_t>(std::clamp(affordable, 4.0, 1e6)), 1, candidates.size());
  candidates.resize(count);

  std::erase_if(candidates, [&](const Candidate& c) {
    if (runner.right(c.plan)) return false;
    wrong({.key = choice.key, .plan = c.plan});
    return true;
  });
  for (int round = 0; candidates.size() > 1; ++round) {
    for (Candidate& c : candidates) {
      const double s = runner.run(c.plan, times);
      c.best_s = round == 0 ? s : std::min(c.best_s, s);
    }
    std::ranges::stable_sort(candidates, {}, &Candidate::best_s);
    const std::size_t keep =
        candidates.size() <= 3 || clock.now() - begin > budget_s ? 1 : (candidates.size() + 1) / 2;
    candidates.resize(keep);
    std::erase_if(candidates,
                  [&](const Candidate& c) { return c.best_s > 1.25 * candidates[0].best_s; });
  }

  choice.plan = default_plan;
  std::vector<double> default_s, ratios;
  const MatmulPlan& winner = candidates.empty() ? default_plan : candidates.front().plan;
  for (int pair = 0; pair < kPairs; ++pair) {
    // Who goes first takes turns.
    double a = 0, b = 0;
    if (pair % 2 == 0) a = runner.run(default_plan, times);
    b = runner.run(winner, times);
    if (pair % 2 == 1) a = runner.run(default_plan, times);
    default_s.push_back(a);
    ratios.push_back(a / b);
  }
  choice.default_s = choice.tuned_s = median(default_s);
  const auto wins = std::ranges::count_if(ratios, [](double r) { return r > 1; });
  if (median(ratios) >= kWorthIt && wins >= kPairs - 1) {
    choice.plan = winner;
    choice.tuned_s = choice.default_s / median(ratios);
  }
  return choice;
}

}  // namespace

std::vector<KernelTask> kernel_tasks(const Target& target,
                                     std::span<const WeightFormat* const> formats) {
  std::vector<KernelTask> tasks;
  for (const WeightFormat* format : formats) {
    const Activations activations = format->integer    ? Activations::int8
                                    : format == &kBf16 ? Activations::bf16
                                                       : Activations::f32;
    std::size_t bytes = 0;
    for (const Model::Product& p : Model::products(target.model)) {
      const std::size_t layers = p.every_row ? std::size_t(target.model.n_layers) : 1;
      bytes += layers * format->packed_bytes(p.n, p.k);
    }
    for (const Model::Product& p : Model::products(target.model)) {
      KernelTask task{.weights = format,
                      .activations = activations,
                      .n = p.n,
                      .k = p.k,
                      .rows = {1, 4, 8, 16, 64},
                      .threads = target.machine.physical_cores,
                      .model_bytes = bytes};
      if (p.every_row) task.rows = {1, 4, 8, 16, 32, 128, 512};
      const auto same = std::ranges::find_if(tasks, [&](const KernelTask& t) {
        return t.weights == format && t.n == p.n && t.k == p.k;
      });
      if (same == tasks.end()) tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

std::vector<KernelChoice> tune_kernels(const KernelTask& task, const Caches& caches,
                                       ThreadPool& pool, Clock& clock, double budget_s,
                                       const std::function<void(const KernelChoice&)>& wrong) {
  const KernelWeights weights(task, caches);
  std::vector<KernelChoice> choices;
  const double begin = clock.now();
  for (std::size_t i = 0; i < task.rows.size(); ++i) {
    const double left = budget_s - (clock.now() - begin);
    const double share = left / static_cast<double>(task.rows.size() - i);
    choices.push_back(
        tune_one(task, task.rows[i], weights, caches, pool, clock, std::max(share, 0.0), wrong));
  }
  return choices;
}

KernelGains kernel_gains(const KernelTable& table) {
  KernelGains gains;
  std::vector<double> ratios;
  for (const KernelChoice& c : table.choices()) {
    ratios.push_back(c.tuned_s > 0 ? c.default_s / c.tuned_s : 1);
    gains.changed += c.default_s != c.tuned_s;
  }
  gains.plans = static_cast<int>(ratios.size());
  if (!ratios.empty()) {
    gains.median = median(ratios);
    gains.best = *std::ranges::max_element(ratios);
  }
  return gains;
}

}  // namespace paretune
