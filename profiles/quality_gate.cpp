#include "profiles/quality_gate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>

#include "profiles/statistics.h"

namespace paretune {
namespace {

std::string points(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * fraction);
  return text;
}

// Where full precision is sure of three answers in ten, it is of one of so many, 19 times of 20.
constexpr std::size_t kSeveral = 8;
constexpr int kFew = 3;  // fewer show nothing, whatever the assumption says that they prove
constexpr int kFewToTrust = 20;
constexpr int kAccuracyLook = 2;  // the first that accuracy may pass at

// Where answers flip to wrong so unevenly that chance does it less often, likelihoods prove
// nothing: answers are decoded, likelihoods are not.
constexpr double kUnevenFlips = 0.1;

std::string interval(const Capability& c) {
  const auto [least, most] = accuracy_loss(c);
  return c.name + " loses " + points(least) + " to " + points(most) + " points (" +
         std::to_string(c.items) + " questions)";
}

// As interval, of what a pass is nearest to.
std::string open_interval(const Capability& c) {
  if (c.items == 0)
    return "no question of " + c.name + " was left that no trial used, or no time for enough";
  if (c.rated == 0) return interval(c);
  const auto [least, most] = likelihood_loss(c);
  return "the probability of a right answer to " + c.name + " falls by " + points(least) + " to " +
         points(most) + " points (" + std::to_string(c.rated) + " questions)";
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
  // A wide margin shows on fewer questions.
  const double first = std::clamp(std::ceil(1 / std::max(margin, 1e-3)), 20.0, 50.0);
  const double wanted = look < kAccuracyLook ? std::min(look == 0 ? first : 150.0, enough)
                                             : enough * (1 << (look - kAccuracyLook));
  return static_cast<int>(std::min<double>(wanted, kMostGateQuestions));
}

int fewest_gate_questions(double margin, double kl_p999,
                          std::span<const QualityQuestion> questions) {
  double tokens = 0;
  for (const QualityQuestion& question : questions) tokens += rated_tokens(question);
  const double mean_tokens = questions.empty() ? 1 : tokens / double(questions.size());
  // As paired_likelihood_drop has the standard error where nothing changes.
  const double swing = std::max(largest_swing(kl_p999 * mean_tokens), kSmallestSwing),
               n = kGateSigmas * std::numbers::sqrt2 * swing / std::max(margin, 1e-3) - 2;
  return static_cast<int>(std::clamp(std::ceil(n), double(kFew), double(kMostGateQuestions)));
}

LossRange accuracy_loss(const Capability& c) {
  const double reach = kGateSigmas * c.drop_standard_error;
  return {c.drop - reach, c.drop + reach};
}

LossRange likelihood_loss(const Capability& c) {
  const double reach = kGateSigmas * c.likelihood_drop_standard_error;
  return {c.likelihood_drop - reach, c.likelihood_drop + reach};
}

GateVerdict gate_verdict(const Capability& c, double margin, int look) {
  if (c.items == 0) return GateVerdict::undecided;
  const LossRange loss = accuracy_loss(c);
  if (loss.least > margin) return GateVerdict::failed;
  const bool by_likelihood = c.rated > 0 && likelihood_loss(c).most <= margin &&
                             flip_p(c.broken, c.mended) >= kUnevenFlips;
  const bool by_accuracy = look >= kAccuracyLook && loss.most <= margin;
  return by_likelihood || by_accuracy ? GateVerdict::passed : GateVerdict::undecided;
}

namespace {

// What a capability was asked so far.
struct Asked {
  explicit Asked(const std::string& name) : result{{.name = name}} {}
  QualityPlan questions;
  GateScores scores;
  GateCapability result;
  std::size_t several = 0;  // questions that tell whether it has anything to lose
  bool decided = false;
};

// Full precision is sure of no answer, or right with none and without a likelihood that more than
// the margin of it could be lost of: not only of the few that there was time for.
bool nothing_to_lose(const Asked& asked, double margin) {
  const Capability& c = asked.result.capability;
  const bool no_skill =
      c.items == 0 || (c.reference_accuracy == 0 && c.rated > 0 && c.reference_likelihood < margin);
  return no_skill && !asked.questions.questions.empty() &&
         asked.questions.questions.size() >= asked.several;
}

GateResult judged(const std::map<std::string, Asked>& capabilities, const GateMargins& margins) {
  std::vector<GateCapability> results;
  std::vector<std::string> nothing;
  for (const auto& [name, asked] : capabilities) {
    if (nothing_to_lose(asked, *margins.of(name))) {
      nothing.push_back(name);
    } else {
      results.push_back(asked.result);
    }
  }
  GateResult result = judge_gate(results, margins);
  if (results.empty() && !nothing.empty())
    result.reason = "full precision is sure of no answer, so that there is nothing to lose";
  result.nothing_to_lose = std::move(nothing);
  return result;
}

}  // namespace

std::optional<GateResult> run_gate(
    const std::map<std::string, std::vector<QualityQuestion>>& questions,
    const GateMargins& margins, double kl_p999, bool brief,
    const std::function<std::optional<GateScores>(const QualityPlan&)>& ask,
    const std::function<bool()>& in_time) {
  std::map<std::string, Asked> capabilities;
  for (const auto& [name, fresh] : questions) {
    if (!margins.of(name)) continue;
    Asked& asked = capabilities.emplace(name, name).first->second;
    asked.several =
        std::min(kSeveral, static_cast<std::size_t>(gate_questions(*margins.of(name), 0)));
  }
  const auto asked_by = [&](double margin, std::span<const QualityQuestion> fresh, int look) {
    if (!brief || look > 1) return gate_questions(margin, look);
    const int proof = fewest_gate_questions(margin, kl_p999, fresh) + 1;
    return look == 1 ? std::max(gate_questions(margin, 0), proof) : std::min(int(kSeveral), proof);
  };
  for (int look = 0; look < kGateLooks; ++look) {
    if (look > 0 && !in_time()) break;
    // In turns: where time ends, each capability was asked about as much.
    std::vector<std::pair<std::size_t, const QualityQuestion*>> wanted;
    for (auto& [name, asked] : capabilities) {
      if (asked.decided) continue;
      const std::vector<QualityQuestion>& fresh = questions.at(name);
      const std::size_t to = std::min(
          fresh.size(), static_cast<std::size_t>(asked_by(*margins.of(name), fresh, look)));
      for (std::size_t i = asked.questions.questions.size(); i < to; ++i)
        wanted.emplace_back(i, &fresh[i]);
    }
    std::ranges::stable_sort(wanted, {}, &std::pair<std::size_t, const QualityQuestion*>::first);
    QualityPlan plan;
    for (const auto& [turn, question] : wanted) plan.questions.push_back(*question);
    const std::optional<GateScores> scores = ask(plan);
    if (!scores) return std::nullopt;
    for (std::size_t i = 0; i < scores->now.size(); ++i) {
      Asked& asked = capabilities.at(plan.questions[i].item.capability);
      asked.questions.questions.push_back(plan.questions[i]);
      asked.scores.reference.push_back(scores->reference[i]);
      asked.scores.now.push_back(scores->now[i]);
    }
    for (auto& [name, asked] : capabilities) {
      if (asked.decided) continue;
      Quality quality{.kl_p999 = kl_p999};
      summarize_scores(asked.questions, asked.scores.now, asked.scores.reference, quality);
      asked.result.looks = look + 1;
      if (!quality.capabilities.empty()) {
        asked.result.capability = quality.capabilities.front();
        asked.decided = gate_verdict(asked.result.capability, *margins.of(name), look) !=
                        GateVerdict::undecided;
      }
      asked.decided |= (brief || look > 0) && nothing_to_lose(asked, *margins.of(name));
    }
    const bool all_decided =
        std::ranges::all_of(capabilities, [](const auto& named) { return named.second.decided; });
    if (all_decided || judged(capabilities, margins).verdict == GateVerdict::failed) break;
  }
  return judged(capabilities, margins);
}

std::optional<std::string> unproven_text(const Quality& quality, double max_kl_divergence) {
  if (quality.documents < 2)
    return "the text is one piece, which does not tell how far the KL divergence of others may be "
           "off; that takes more text";
  const double most =
      quality.kl_divergence + one_sided_95(quality.documents) * quality.kl_standard_error;
  if (most <= max_kl_divergence) return std::nullopt;
  char text[160];
  std::snprintf(text, sizeof text,
                "the KL divergence of the text may be up to %.2g, allowed: %.2g; that takes more "
                "text or a larger max_kl_divergence",
                most, max_kl_divergence);
  return text;
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
      if (one.items == 0) return std::numeric_limits<double>::infinity();
      return one.rated > 0 ? likelihood_loss(one).most : accuracy_loss(one).most;
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
    const auto least = std::ranges::min_element(result.capabilities, {}, &Capability::items);
    if (tested > 0 && least->items < kFewToTrust) {
      result.reason += ", shown by as few as " + std::to_string(least->items) + " questions (" +
                       least->name + ") if no answer loses more than the text's tokens do";
    }
  }
  return result;
}

}  // namespace paretune
