// Whether a config may be shipped: non-inferior to full precision in every capability, by a margin
// that the user sets, on questions that the search never used.
//
// Looks at growing samples, so that what is clear is decided early and only the capabilities that
// are not are asked on; each look tests at a Bonferroni share of 5 %, so that looking more than
// once does not make a pass more likely by chance. That all must pass needs no further correction
// (Berger 1982, doi:10.2307/1267823).
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_plan.h"

namespace paretune {

struct GateMargins {
  std::optional<double> every;  // of capabilities that are not named; absent: not tested
  std::map<std::string, double> named;
  std::optional<double> of(const std::string& capability) const;
};

enum class GateVerdict { passed, failed, undecided };
std::string_view verdict_name(GateVerdict verdict);

// Questions of each capability at each look, those of earlier looks included.
inline constexpr std::array<int, 6> kGateLooks{50, 100, 200, 400, 800, 1600};
inline constexpr double kGateSigmas = 2.3940;  // one-sided 5 % / 6 looks

struct GateResult {
  GateVerdict verdict = GateVerdict::undecided;
  std::vector<Capability> capabilities;  // each as of the look that decided it, or of the last
  std::string reason;                    // plain words
  int looks = 0;
};

// Of one capability: failed where even the best end of the interval of its drop is above the
// margin, passed where the worst end is not.
GateVerdict gate_verdict(const Capability& capability, double margin);

// Of all that have a margin. Failed: one did. Passed: all did (also where there are none).
GateResult judge_gate(std::vector<Capability> capabilities, const GateMargins& margins);

// The questions that each look adds; their documents are empty. used: what the search measures on,
// which is left out.
std::vector<QualityPlan> plan_gate(const Workload& workload, const ModelShape& shape,
                                   const Tokenizer& tokenizer, const ChatTemplate* chat,
                                   const QualityPlan& used);

}  // namespace paretune
