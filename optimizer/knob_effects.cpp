#include "optimizer/knob_effects.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/deployment.h"
#include "search/forest.h"

namespace paretune {
namespace {

constexpr std::uint64_t kSeed = 0xeff;

struct Tried {
  std::string knob;
  std::vector<std::string> values;  // in the order they were first tried
};

double logarithm(double value) { return std::log(std::max(value, 1e-12)); }

}  // namespace

std::vector<KnobEffect> knob_effects(const Study& study) {
  std::vector<const Trial*> ran;
  for (const Trial& trial : study.trials) {
    if (trial.measurement.outcome == Outcome::ok) ran.push_back(&trial);
  }
  if (static_cast<int>(ran.size()) < kLeastTrials) return {};

  std::vector<Tried> tried;
  std::vector<Point> points(ran.size());
  for_each_knob([&](const auto& knob) {
    Tried of{.knob = std::string(knob.name), .values = {}};
    std::vector<int> choices;
    for (const Trial* trial : ran) {
      const std::string value = knob_text(trial->config, knob.name);
      auto found = std::ranges::find(of.values, value);
      choices.push_back(static_cast<int>(found - of.values.begin()));
      if (found == of.values.end()) of.values.push_back(value);
    }
    if (of.values.size() < 2) return;
    for (std::size_t i = 0; i < points.size(); ++i) points[i].push_back(choices[i]);
    tried.push_back(std::move(of));
  });
  if (tried.empty()) return {};
  Space space;
  for (const Tried& of : tried) space.n_choices.push_back(static_cast<int>(of.values.size()));

  std::vector<KnobEffect> effects(tried.size());
  for (std::size_t d = 0; d < tried.size(); ++d) effects[d].knob = tried[d].knob;
  for (std::size_t objective = 0; objective < 3; ++objective) {
    std::vector<double> values;
    for (const Trial* trial : ran) {
      const Objectives& o = trial->objectives;
      values.push_back(objective == 0   ? logarithm(o.usd_per_million_output_tokens)
                       : objective == 1 ? logarithm(o.latency_ms)
                                        : logarithm(o.kl_divergence + 1e-6));
    }
    const Forest forest(space, points, values, Rng{kSeed, objective});
    for (std::size_t d = 0; d < tried.size(); ++d) {
      double low = 0, high = 0;
      int best = 0;
      for (int choice = 0; choice < space.n_choices[d]; ++choice) {
        double mean = 0;
        for (Point point : points) {
          point[d] = choice;
          mean += forest.predict(point).mean / static_cast<double>(points.size());
        }
        if (choice == 0 || mean < low) low = mean, best = choice;
        if (choice == 0 || mean > high) high = mean;
      }
      effects[d].of[objective] = {.ratio = std::exp(high - low),
                                  .best = tried[d].values[static_cast<std::size_t>(best)]};
    }
  }
  const auto strength = [](const KnobEffect& effect) {
    return std::log(effect.of[0].ratio) + std::log(effect.of[1].ratio);
  };
  std::ranges::stable_sort(effects, std::greater<>(), strength);
  return effects;
}

}  // namespace paretune
