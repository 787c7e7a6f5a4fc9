#include "search/trial_log.h"

#include <algorithm>
#include <cmath>

namespace paretune {

TrialLog::TrialLog(const Space& space) : space_(space) { check_space(space); }

const Observation* TrialLog::find(const Point& canonical) const {
  const auto entry = index_.find(canonical);
  return entry == index_.end() ? nullptr : &trials_[entry->second];
}

std::vector<Point> TrialLog::pending() const {
  std::vector<Point> points(pending_.begin(), pending_.end());
  std::ranges::sort(points);
  return points;
}

std::optional<Point> TrialLog::fresh(const Point& point) const {
  std::optional<Point> canonical = canonical_of(space_, point);
  if (!canonical || index_.contains(*canonical) || pending_.contains(*canonical))
    return std::nullopt;
  return canonical;
}

std::size_t TrialLog::tell(const Point& point, const std::optional<Judged>& judged) {
  Observation trial{canonical_of(space_, point).value_or(point), std::nullopt};
  const auto is_finite = [](double score) { return std::isfinite(score); };
  if (judged) {
    Scores raised = judged->raised();
    if (std::ranges::all_of(raised, is_finite)) {
      trial.scores = std::move(raised);
      trial.excess = judged->excess;
    }
  }
  ++n_tells_;
  pending_.erase(trial.point);
  const auto [entry, is_new] = index_.try_emplace(trial.point, trials_.size());
  if (is_new) {
    trials_.push_back(std::move(trial));
  } else {
    trials_[entry->second] = std::move(trial);
  }
  return entry->second;
}

}  // namespace paretune
