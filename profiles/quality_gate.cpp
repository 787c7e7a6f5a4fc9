#include "profiles/quality_gate.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace paretune {
namespace {

std::string points(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * fraction);
  return text;
}

std::string interval(const Capability& c) {
  const double reach = kGateSigmas * c.drop_standard_error;
  return c.name + " loses " + points(c.drop - reach) + " to " + points(c.drop + reach) +
         " points (" + std::to_string(c.items) + " questions)";
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

GateVerdict gate_verdict(const Capability& c, double margin) {
  const double reach = kGateSigmas * c.drop_standard_error;
  if (c.drop - reach > margin) return GateVerdict::failed;
  return c.drop + reach <= margin ? GateVerdict::passed : GateVerdict::undecided;
}

GateResult judge_gate(std::vector<Capability> capabilities, const GateMargins& margins) {
  GateResult result{.verdict = GateVerdict::passed, .capabilities = std::move(capabilities)};
  int tested = 0;
  const Capability* widest = nullptr;  // of those undecided
  for (const Capability& c : result.capabilities) {
    const std::optional<double> margin = margins.of(c.name);
    if (!margin) continue;
    ++tested;
    const GateVerdict verdict = gate_verdict(c, *margin);
    if (verdict == GateVerdict::failed) {
      result.verdict = verdict;
      result.reason = interval(c) + ", allowed: " + points(*margin);
      return result;
    }
    if (verdict != GateVerdict::undecided) continue;
    result.verdict = verdict;
    const auto worst = [](const Capability& one) {
      return one.drop + kGateSigmas * one.drop_standard_error;
    };
    if (!widest || worst(c) > worst(*widest)) widest = &c;
  }
  if (widest) {
    result.reason = "not proven within " + points(*margins.of(widest->name)) +
                    " points: " + interval(*widest) + "; more questions would tell";
  } else {
    result.reason = tested == 0 ? "no capability has a margin"
                                : "every capability is within its margin of full precision";
  }
  return result;
}

}  // namespace paretune
