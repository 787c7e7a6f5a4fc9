// The search space of a target: a point picks one choice per knob, by index.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "optimizer/study.h"
#include "runtime/deploy_config.h"
#include "search/space.h"

namespace paretune {

class ConfigSpace {
 public:
  // restriction: knob name to the values to try, as text; knobs without an entry keep their whole
  // domain. Throws std::runtime_error where it names an unknown knob or a value outside the knob's
  // domain on this target.
  ConfigSpace(const Target& target,
              const std::map<std::string, std::vector<std::string>>& restriction,
              const std::string& where);

  // Refers to this ConfigSpace, which must outlive it.
  Space space() const;
  DeployConfig config(const Point& point) const;
  // nullopt: some value of the config is not among the choices.
  std::optional<Point> point(const DeployConfig& config) const;
  // The point that stands for all of the same meaning: the canonical one or, where a restriction
  // leaves that out, the first of those that are left. nullopt: the runtime would refuse it.
  std::optional<Point> canonical(const Point& point) const;

  const std::vector<KnobDomain>& knobs() const { return knobs_; }
  // Raw, then after each constraint. Counted one by one up to `exact_limit` points, else estimated
  // from a seeded sample.
  std::vector<SpaceSize> sizes(double exact_limit = 200'000) const;

 private:
  // For all that the rules rewrite into `meant`, as they do the point.
  std::optional<Point> stands_for(const Point& point, const DeployConfig& meant,
                                  std::span<const Constraint> rules) const;

  Target target_;
  std::vector<KnobDomain> knobs_;
  std::vector<bool> ordinal_;
};

}  // namespace paretune
