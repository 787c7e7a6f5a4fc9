#include "optimizer/starting_points.h"

#include <string>

#include "profiles/pace.h"
#include "runtime/deployment.h"

namespace paretune {

DeployConfig apply(const StartingPoint& point, const Target& target) {
  DeployConfig config = default_config(target);
  const std::string where(point.name);
  const auto treatment = [&](std::string_view text) {
    return affordable(parse_treatment(text, where), target);
  };
  config.weights =
      uniform_policy(target.open_layers, treatment(point.linear), treatment(point.output));
  for (const std::string_view setting : point.settings) {
    if (setting.empty()) break;
    const auto equals = setting.find('=');
    set_knob(config, setting.substr(0, equals), setting.substr(equals + 1), where);
  }
  return canonical(config, target);
}

}  // namespace paretune
