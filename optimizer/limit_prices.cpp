#include "optimizer/limit_prices.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "optimizer/front_volume.h"
#include "optimizer/judge.h"
#include "profiles/rate_search.h"
#include "profiles/speed.h"

namespace paretune {
namespace {

bool keeps(const LoadRun& run, const Workload& workload) {
  if (run.saturated || run.failed > 0) return false;
  if (const auto fraction = workload.slo.attainment_fraction;
      fraction && run.slo_attainment < *fraction)
    return false;
  return std::ranges::all_of(workload.slo.bounds, [&](const SloBound& bound) {
    return run.latency.of(*bound.metric).percentiles[index_of(bound.percentile)].value <=
           bound.max_ms;
  });
}

// The trial's runs judged by other limits; whole runs only.
void judge_again(Trial& trial, const Workload& workload) {
  Speed& speed = trial.measurement.speed;
  for (LoadRun& run : speed.rate_search) {
    const bool whole = run.meets_slo || run.requests + run.failed >= workload.num_requests;
    run.meets_slo = run.meets_slo || (whole && keeps(run, workload));
  }
  const bool closed = workload.arrival.is_closed();
  if (const LoadRun* best = bracket_rate(speed.rate_search, workload.slo, closed).best) {
    speed.at_max_rate = *best;
    speed.max_rate = best->request_rate;
    price(speed, workload.cost.usd_per_hour);
  }
  speed.at_workload.meets_slo = speed.at_workload.meets_slo || keeps(speed.at_workload, workload);
  judge_trial(trial, workload);
}

struct Cheapest {
  int trial = -1;
  double cost = std::numeric_limits<double>::infinity();
};

Cheapest cheapest(std::span<const Trial> trials) {
  Cheapest best;
  for (const Trial& trial : trials) {
    if (trial.feasible && trial.objectives.usd_per_million_output_tokens < best.cost)
      best = {trial.id, trial.objectives.usd_per_million_output_tokens};
  }
  return best;
}

std::vector<Trial> judged_by(const Workload& workload, std::span<const Trial> trials) {
  std::vector<Trial> judged(trials.begin(), trials.end());
  for (Trial& trial : judged) {
    if (trial.measurement.outcome == Outcome::ok) judge_again(trial, workload);
  }
  return judged;
}

// Of the feasible ones, which lie in the box.
double hypervolume_of(const FrontBox& box, std::span<const Trial> trials) {
  std::vector<Scores> placed;
  for (const Trial& trial : trials) {
    if (trial.feasible) placed.push_back(box.place(trial.objectives));
  }
  return box.share(placed);
}

// then: the same trials by looser limits, which the box must hold.
double front_gain(std::span<const Trial> now, std::vector<Trial> then) {
  const bool feasible = cheapest(then).trial >= 0;
  const Study relaxed{.trials = std::move(then), .feasible = feasible};
  const std::optional<FrontBox> box = FrontBox::of(relaxed);
  if (!box) return 0;
  const double before = hypervolume_of(*box, now);
  return before > 0 ? std::max(0.0, hypervolume_of(*box, relaxed.trials) / before - 1) : 0;
}

// What the last tenth of the time brought: all that is known of what more of it would bring.
LimitPrice price_of_time(const Study& study) {
  const double end = study.progress.empty() ? 0 : study.progress.back().seconds;
  Cheapest now, before;
  double earlier = 0;  // hypervolume
  for (const FrontStep& step : study.progress)
    if (step.seconds <= end / (1 + kRelaxed)) earlier = step.hypervolume;
  for (const Trial& trial : study.trials) {
    if (!trial.feasible) continue;
    const double cost = trial.objectives.usd_per_million_output_tokens;
    if (cost < now.cost) now = {trial.id, cost};
    const auto step = std::ranges::find(study.progress, trial.id, &FrontStep::trial);
    if (step != study.progress.end() && step->seconds <= end / (1 + kRelaxed) && cost < before.cost)
      before = {trial.id, cost};
  }
  return {.limit = "budget of " + limit_number(study.workload.budget.minutes) + " minutes",
          .relaxed = "what its last tenth brought",
          .trial = now.trial,
          .cost = now.cost,
          .relaxed_cost = now.cost,
          .saving = before.trial >= 0 ? 1 - now.cost / before.cost : 0,
          .front_gain = earlier > 0 ? study.progress.back().hypervolume / earlier - 1 : 0};
}

}  // namespace

std::vector<LimitPrice> limit_prices(const Study& study) {
  std::vector<LimitPrice> prices;
  if (study.trials.empty()) return prices;
  Workload base = study.workload;
  base.quality.floors = floors_of(study.workload);
  // By the search's rates, as what is judged again: those of fresh runs are others' luck.
  const std::vector<Trial> trials = judged_by(base, study.trials);
  const Cheapest now = cheapest(trials);
  const auto add = [&](std::string limit, double from, double to, const Workload& relaxed) {
    std::vector<Trial> looser = judged_by(relaxed, study.trials);
    const Cheapest then = cheapest(looser);
    LimitPrice price{.limit = std::move(limit) + ' ' + limit_number(from),
                     .relaxed = limit_number(to),
                     .trial = then.trial,
                     .cost = now.cost,
                     .relaxed_cost = then.cost};
    if (then.trial >= 0 && now.trial >= 0) price.saving = std::max(0.0, 1 - then.cost / now.cost);
    price.front_gain = front_gain(trials, std::move(looser));
    price.makes_feasible = now.trial < 0 && then.trial >= 0;
    prices.push_back(std::move(price));
  };
  for (std::size_t i = 0; i < base.slo.bounds.size(); ++i) {
    Workload relaxed = base;
    SloBound& bound = relaxed.slo.bounds[i];
    const double from = bound.max_ms;
    bound.max_ms *= 1 + kRelaxed;
    add(std::string(bound.metric->name) + ' ' + std::string(bound.percentile.name) + " <=", from,
        bound.max_ms, relaxed);
  }
  if (const auto fraction = base.slo.attainment_fraction) {
    Workload relaxed = base;
    relaxed.slo.attainment_fraction = *fraction * (1 - kRelaxed);
    add("SLO attainment >=", *fraction, *relaxed.slo.attainment_fraction, relaxed);
  }
  const auto floor = [&](const std::string& name,
                         const std::function<std::optional<double>&(Workload&)>& of,
                         double factor) {
    Workload relaxed = base;
    std::optional<double>& value = of(relaxed);
    if (!value) return;
    const double from = *value;
    *value *= factor;
    add(name + (factor > 1 ? " <=" : " >="), from, *value, relaxed);
  };
  using Floors = QualityFloors;
  const auto member = [](std::optional<double> Floors::*field) {
    return [field](Workload& w) -> std::optional<double>& { return w.quality.floors.*field; };
  };
  floor("KL divergence", member(&Floors::max_kl_divergence), 1 + kRelaxed);
  floor("same top-1", member(&Floors::min_same_top1_fraction), 1 - kRelaxed);
  floor("perplexity ratio", member(&Floors::max_perplexity_ratio), 1 + kRelaxed);
  floor("accuracy", member(&Floors::min_accuracy), 1 - kRelaxed);
  floor("accuracy lost", member(&Floors::max_drop), 1 + kRelaxed);
  for (const auto& [name, own] : base.quality.floors.capabilities) {
    const auto of = [name = name](auto field) {
      return [name, field](Workload& w) -> std::optional<double>& {
        return w.quality.floors.capabilities.at(name).*field;
      };
    };
    floor("accuracy of " + name, of(&CapabilityFloor::min_accuracy), 1 - kRelaxed);
    floor("accuracy lost on " + name, of(&CapabilityFloor::max_drop), 1 + kRelaxed);
  }
  if (study.feasible) prices.push_back(price_of_time(study));
  return prices;
}

}  // namespace paretune
