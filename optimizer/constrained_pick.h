// Another pick from the trials of a study, by requirements that the study did not have: a choice
// among what was measured, without measuring.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/requirement.h"
#include "optimizer/study.h"

namespace paretune {

// What the best is the best of; equals by the objectives in their order.
struct Preference {
  std::string_view name;
  std::string_view title;
  double Objectives::*objective;
};
inline constexpr std::array kPreferences{
    Preference{"cost", "$/M output tokens", &Objectives::usd_per_million_output_tokens},
    Preference{"latency", "ms", &Objectives::latency_ms},
    Preference{"quality", "nats of KL divergence", &Objectives::kl_divergence}};
// Throws std::runtime_error with the known ones.
const Preference& find_preference(std::string_view name);

struct ConstrainedPick {
  std::optional<int> trial;  // the best that holds all; nullopt: none does
  // Without one of the requirements, in their order, and last without the workload's own limits
  // (where these count).
  struct Without {
    std::string what;
    std::optional<int> best;
  };
  std::vector<Without> without;
  // Where none holds all.
  std::optional<int> nearest;  // nullopt: no trial ran
  std::string binding;         // what the nearest misses by most: "ttft:p95<50ms, it has 88.2 ms"
};

// own_limits: the workload's SLO and quality floors must hold too.
ConstrainedPick pick_by(const Study& study, std::span<const Requirement> requirements,
                        const Preference& preference, bool own_limits);

// In plain words, some lines: what the pick is, what it was measured to be, and what each
// requirement costs; or the nearest. What the measurements do not carry is said.
std::string pick_text(const Study& study, std::span<const Requirement> requirements,
                      const Preference& preference, const ConstrainedPick& pick);

// The study with this trial recommended, as reports and deploy.json take it. What was verified of
// another config does not count for it.
Study recommending(Study study, int trial, std::span<const Requirement> requirements,
                   const Preference& preference);

}  // namespace paretune
