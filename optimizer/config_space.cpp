#include "optimizer/config_space.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <type_traits>

#include "runtime/deployment.h"
#include "runtime/refusal.h"

namespace paretune {
namespace {

bool runs_on(const DeployConfig& config, const Target& target) {
  try {
    check_config(config, target);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

ConfigSpace::ConfigSpace(const Target& target,
                         const std::map<std::string, std::vector<std::string>>& restriction,
                         const std::string& where)
    : target_(target) {
  // Any policy may be asked for, not only those that a search would think of.
  if (const auto asked = restriction.find("weights"); asked != restriction.end()) {
    target_.policies.clear();
    for (const std::string& text : asked->second) {
      target_.policies.push_back(parse_policy(text, where + ": $.space.weights"));
    }
  }
  if (restriction.contains("smoothing") || restriction.contains("activations"))
    target_.calibrates = true;
  for_each_knob([&](const auto& knob) {
    KnobDomain domain{
        std::string(knob.name), std::string(effect_name(knob.effect)), std::string(knob.help), {}};
    DeployConfig config;
    for (const auto& value : knob.choices(target_)) {
      config.*knob.field = value;
      domain.choices.push_back(knob_text(config, knob.name));
    }
    using Value = std::remove_cvref_t<decltype(config.*knob.field)>;
    ordinal_.push_back(std::is_arithmetic_v<Value> || std::is_same_v<Value, Policy>);
    knobs_.push_back(std::move(domain));
  });
  for (const auto& [name, values] : restriction) {
    const auto knob = std::ranges::find(knobs_, name, &KnobDomain::name);
    if (knob == knobs_.end()) {
      std::string known;
      for (const KnobDomain& k : knobs_) known += (known.empty() ? "" : ", ") + k.name;
      throw std::runtime_error(where + ": $.space: found the unknown knob \"" + name +
                               "\", allowed: " + known);
    }
    if (name == "weights") continue;
    for (const std::string& value : values) {
      if (std::ranges::find(knob->choices, value) == knob->choices.end()) {
        throw std::runtime_error(where + ": $.space." + name + ": found \"" + value +
                                 "\", allowed on this target: " + joined(knob->choices));
      }
    }
    std::erase_if(knob->choices, [&](const std::string& choice) {
      return std::ranges::find(values, choice) == values.end();
    });
  }
}

Space ConfigSpace::space() const {
  Space space;
  for (const KnobDomain& knob : knobs_) {
    space.n_choices.push_back(static_cast<int>(knob.choices.size()));
    space.names.push_back(knob.name);
  }
  space.ordinal = ordinal_;
  space.canonical = [this](const Point& p) { return canonical(p); };
  return space;
}

DeployConfig ConfigSpace::config(const Point& point) const {
  DeployConfig config;
  for (std::size_t i = 0; i < knobs_.size(); ++i) {
    set_knob(config, knobs_[i].name, knobs_[i].choices[static_cast<std::size_t>(point[i])],
             knobs_[i].name);
  }
  return config;
}

std::optional<Point> ConfigSpace::point(const DeployConfig& config) const {
  Point point;
  for (const KnobDomain& knob : knobs_) {
    const auto found = std::ranges::find(knob.choices, knob_text(config, knob.name));
    if (found == knob.choices.end()) return std::nullopt;
    point.push_back(static_cast<int>(found - knob.choices.begin()));
  }
  return point;
}

std::optional<Point> ConfigSpace::canonical(const Point& p) const {
  return stands_for(p, paretune::canonical(config(p), target_), constraints());
}

std::optional<Point> ConfigSpace::stands_for(const Point& p, const DeployConfig& meant,
                                             std::span<const Constraint> rules) const {
  if (std::optional<Point> written = point(meant)) return written;
  const auto means_it = [&](const Point& other) {
    DeployConfig rewritten = config(other);
    for (const Constraint& rule : rules) rule.apply(rewritten, target_);
    return rewritten == meant;
  };
  // A rule writes one knob, by what the others mean: so each knob's first choice can be looked for
  // alone.
  Point first = p;
  for (std::size_t i = 0; i < first.size(); ++i) {
    for (first[i] = 0; first[i] < p[i] && !means_it(first);) ++first[i];
  }
  return runs_on(config(first), target_) ? std::optional(first) : std::nullopt;
}

std::vector<SpaceSize> ConfigSpace::sizes(double exact_limit) const {
  const double raw = raw_size(space());
  std::vector<SpaceSize> sizes{{"all combinations", "every choice of every knob", raw, true}};
  const std::span<const Constraint> rules = constraints();
  std::vector<double> kept(rules.size());

  const auto look = [&](const Point& point) {
    const DeployConfig original = config(point);
    DeployConfig rewritten = original;
    for (std::size_t j = 0; j < rules.size(); ++j) {
      rules[j].apply(rewritten, target_);
      if (!(rewritten == original) && stands_for(point, rewritten, rules.first(j + 1)) != point)
        return;
      ++kept[j];
    }
  };
  const bool exact = raw <= exact_limit;
  double seen = 0;
  if (exact) {
    Point point(knobs_.size(), 0);
    for (bool more = true; more; ++seen) {
      look(point);
      more = false;
      for (std::size_t i = 0; i < point.size() && !more; ++i) {
        if (++point[i] < static_cast<int>(knobs_[i].choices.size())) {
          more = true;
        } else {
          point[i] = 0;
        }
      }
    }
  } else {
    std::mt19937_64 rng(1);
    for (; seen < 20'000; ++seen) {
      Point point;
      for (const KnobDomain& knob : knobs_) {
        const double uniform = static_cast<double>(rng() >> 11) * 0x1p-53;
        point.push_back(static_cast<int>(uniform * static_cast<double>(knob.choices.size())));
      }
      look(point);
    }
  }
  for (std::size_t j = 0; j < rules.size(); ++j) {
    sizes.push_back(
        {std::string(rules[j].name), std::string(rules[j].reason), kept[j] / seen * raw, exact});
  }
  return sizes;
}

}  // namespace paretune
