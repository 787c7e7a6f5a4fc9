#include "optimizer/front_volume.h"

#include <algorithm>

#include "search/indicators.h"

namespace paretune {
namespace {

const Scores kReference{2, 2, 1.1};
constexpr double kVolume = 2 * 2 * 1.1;

}  // namespace

bool is_candidate(const Study& study, const Trial& trial) {
  return trial.measurement.outcome == Outcome::ok && (trial.feasible || !study.feasible);
}

std::optional<FrontBox> FrontBox::of(const Study& study) {
  if (study.trials.empty() || study.trials.front().measurement.outcome != Outcome::ok)
    return std::nullopt;
  FrontBox box;
  box.unit_ = study.trials.front().objectives;
  box.unit_.kl_divergence = 1e-9;
  for (const Trial& trial : study.trials) {
    if (is_candidate(study, trial))
      box.unit_.kl_divergence = std::max(box.unit_.kl_divergence, trial.objectives.kl_divergence);
  }
  return box;
}

Scores FrontBox::place(const Objectives& o) const {
  const auto ratio = [](double x, double y) { return y > 0 ? x / y : 1; };
  return {ratio(o.usd_per_million_output_tokens, unit_.usd_per_million_output_tokens),
          ratio(o.latency_ms, unit_.latency_ms), o.kl_divergence / unit_.kl_divergence};
}

double FrontBox::share(std::span<const Scores> placed) const {
  return hypervolume(placed, kReference) / kVolume;
}

void trace_progress(Study& study) {
  study.progress.clear();
  const std::optional<FrontBox> box = FrontBox::of(study);
  if (!box) return;
  std::vector<Scores> points;
  double seconds = 0;
  for (const Trial& trial : study.trials) {
    seconds += trial.measurement.seconds;
    if (is_candidate(study, trial)) points.push_back(box->place(trial.objectives));
    study.progress.push_back({trial.id, seconds, box->share(points)});
  }
}

}  // namespace paretune
