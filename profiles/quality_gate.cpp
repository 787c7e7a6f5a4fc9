#include "profiles/quality_gate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>

namespace paretune {
namespace {

std::string points(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * fraction);
  return text;
}

constexpr int kAccuracyLook = 2;  // the first that accuracy may pass at

std::string interval(const Capability& c) {
  const double reach = kGateSigmas * c.drop_standard_error;
  return c.name + " loses " + points(c.drop - reach) + " to " + points(c.drop + reach) +
         " points (" + std::to_string(c.items) + " questions)";
}

// As interval, of what a pass is nearest to.
std::string open_interval(const Capability& c) {
  if (c.rated == 0) return interval(c);
  const double reach = kGateSigmas * c.likelihood_drop_standard_error;
  return "the probability of a right answer to " + c.name + " falls by " +
         points(c.likelihood_drop - reach) + " to " + points(c.likelihood_drop + reach) +
         " points (" + std::to_string(c.rated) + " questions)";
}

}  // namespace

std::optional<double> GateMargins::of(const std::string& capability) const {
  const auto found = named.find(capability);
  return found == named.end() ? every : std::optional(found->second);
}

std::string_view verdict_name(GateVerdict verdict) {
  constexpr std::array<std::string_view, 3> kNames{"passed", "failed", "undecided"};
  return kNames[static_cast<std::size_t>(verdict)];
}

int gate_questions(double margin, int look) {
  // Of n answers none of which changes, the standard error is sqrt(2) / (n + 2) (paired_drop).
  const double enough = std::ceil(kGateSigmas * std::numbers::sqrt2 / std::max(margin, 1e-3));
  const double wanted = look < kAccuracyLook ? std::min(look == 0 ? 50.0 : 150.0, enough)
                                             : enough * (1 << (look - kAccuracyLook));
  return static_cast<int>(std::min<double>(wanted, kMostGateQuestions));
}

GateVerdict gate_verdict(const Capability& c, double margin, int look) {
  const double reach = kGateSigmas * c.drop_standard_error;
  if (c.drop - reach > margin) return GateVerdict::failed;
  const double likelihood_reach = kGateSigmas * c.likelihood_drop_standard_error;
  const bool by_likelihood = c.rated > 0 && c.likelihood_drop + likelihood_reach <= margin;
  const bool by_accuracy = look >= kAccuracyLook && c.drop + reach <= margin;
  return by_likelihood || by_accuracy ? GateVerdict::passed : GateVerdict::undecided;
}

GateResult judge_gate(const std::vector<GateCapability>& capabilities, const GateMargins& margins) {
  GateResult result{.verdict = GateVerdict::passed};
  for (const GateCapability& c : capabilities) {
    result.capabilities.push_back(c.capability);
    result.looks = std::max(result.looks, c.looks);
  }
  int tested = 0;
  const Capability* widest = nullptr;  // of those undecided
  for (std::size_t i = 0; i < capabilities.size(); ++i) {
    const Capability& c = result.capabilities[i];
    const std::optional<double> margin = margins.of(c.name);
    if (!margin) continue;
    ++tested;
    const GateVerdict verdict = gate_verdict(c, *margin, capabilities[i].looks - 1);
    if (verdict == GateVerdict::failed) {
      result.verdict = verdict;
      result.reason = interval(c) + ", allowed: " + points(*margin);
      return result;
    }
    if (verdict != GateVerdict::undecided) continue;
    result.verdict = verdict;
    const auto worst = [](const Capability& one) {
      return one.rated > 0 ? one.likelihood_drop + kGateSigmas * one.likelihood_drop_standard_error
                           : one.drop + kGateSigmas * one.drop_standard_error;
    };
    if (!widest || worst(c) > worst(*widest)) widest = &c;
  }
  if (widest) {
    result.reason = "not proven within " + points(*margins.of(widest->name)) +
                    " points: " + open_interval(*widest) + "; that takes more fresh questions (" +
                    std::to_string(gate_questions(*margins.of(widest->name), kAccuracyLook)) +
                    " where no answer changes) or a larger max_drop";
  } else {
    result.reason = tested == 0 ? "no capability has a margin"
                                : "every capability is within its margin of full precision";
  }
  return result;
}

}  // namespace paretune
