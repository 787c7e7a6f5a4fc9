// The log of trials, and which points are used up: told, or asked and pending.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "search/space.h"
#include "search/strategy.h"

namespace paretune {

struct Observation {
  Point point;
  std::optional<Scores> scores;  // raised by the excess; nullopt: it failed
  double excess = 0;             // as Judged's
};

class TrialLog {
 public:
  explicit TrialLog(const Space& space);

  const Space& space() const { return space_; }
  const std::vector<Observation>& trials() const { return trials_; }  // in the order first told
  const Observation* find(const Point& canonical) const;              // nullptr: not told yet
  std::vector<Point> pending() const;                                 // asked, not told yet; sorted
  std::size_t n_pending() const { return pending_.size(); }
  std::size_t n_tells() const { return n_tells_; }  // repeated ones included

  // The canonical form of any point, if it is valid and neither told nor pending.
  std::optional<Point> fresh(const Point& point) const;

  // Of a canonical point: neither told nor pending.
  bool is_fresh(const Point& canonical) const {
    return !index_.contains(canonical) && !pending_.contains(canonical);
  }

  void ask(const Point& canonical) { pending_.insert(canonical); }

  // Returns the trial's index. Numbers that are not all finite: it failed.
  std::size_t tell(const Point& point, const std::optional<Judged>& judged);

 private:
  const Space space_;
  std::vector<Observation> trials_;
  std::unordered_map<Point, std::size_t, PointHash> index_;  // into trials_
  std::unordered_set<Point, PointHash> pending_;
  std::size_t n_tells_ = 0;
};

}  // namespace paretune
