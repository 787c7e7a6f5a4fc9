// Whether a config may be shipped: non-inferior to full precision in every capability, by a margin
// that the user sets, on questions that the search never used.
//
// The text's KL divergence must be within its limit not only as found but at its upper end
// (unproven_text).
//
// Flips of right and wrong refuse; either of two proofs lets pass: that the probability of the
// right answer fell by no more than the margin, or that accuracy did. The first moves before
// answers flip and needs far fewer questions, but it rests on an assumption: that no answer not
// asked for loses more than the KL divergence that one token in a thousand of the text exceeds, at
// each of its tokens, allows. It proves nothing where answers flip unevenly all the same. Not every
// grader's answers can be rated (Capability::rated).
//
// Looks at growing samples, so that what is clear is decided early and only the capabilities that
// are not are asked on. The probability may let pass at each of four looks and accuracy at the last
// two, the first of which is at as many questions as prove the margin if no answer changes: six
// chances, each at a Bonferroni share of 5 %, so that trying more than once does not make a pass
// more likely by chance. That all capabilities must pass needs no further correction (Berger 1982,
// doi:10.2307/1267823).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_plan.h"
#include "profiles/question_scores.h"

namespace paretune {

struct GateMargins {
  std::optional<double> every;  // of capabilities that are not named; absent: not tested
  std::map<std::string, double> named;
  std::optional<double> of(const std::string& capability) const;
};

enum class GateVerdict { passed, failed, undecided };
std::string_view verdict_name(GateVerdict verdict);

inline constexpr int kGateLooks = 4;
inline constexpr double kGateSigmas = 2.3940;  // one-sided 5 % / 6
// Questions of a capability at a look (0 …), those of earlier looks included; at most
// kMostGateQuestions.
inline constexpr int kMostGateQuestions = 1200;
int gate_questions(double margin, int look);

// The fewest questions of a capability after which a config that changes no answer could pass by
// likelihood, and no fewer than three. questions: of the capability. kl_p999: as of
// summarize_scores.
int fewest_gate_questions(double margin, double kl_p999,
                          std::span<const QualityQuestion> questions);

// Of what was lost: as little and as much as is still possible, all looks together.
struct LossRange {
  double least, most;
};
LossRange accuracy_loss(const Capability& capability);
LossRange likelihood_loss(const Capability& capability);  // where it is rated

struct GateResult {
  GateVerdict verdict = GateVerdict::undecided;
  std::vector<Capability> capabilities;  // each as of the look that decided it, or of the last
  std::string reason;                    // plain words
  int looks = 0;
  // That have a margin, but no question that the model's context holds.
  std::vector<std::string> unasked;
  // Of which full precision is sure of no answer, so that there is nothing to lose.
  std::vector<std::string> nothing_to_lose;
};

// Of one capability at a look: failed where even the least possible loss is above the margin,
// passed where the most that is possible is not, of accuracy or of likelihood. Undecided without
// questions.
GateVerdict gate_verdict(const Capability& capability, double margin, int look);

// Of all that have a margin, looks being how often each was looked at. Failed: one did. Passed: all
// did (also where there are none).
struct GateCapability {
  Capability capability;
  int looks = kGateLooks;
};
GateResult judge_gate(const std::vector<GateCapability>& capabilities, const GateMargins& margins);

// In words, what is not proven of the text: that its mean KL divergence is at most the limit,
// one-sided 95 % by Student's t, and not only in the sample; nullopt: it is. One document proves
// nothing.
std::optional<std::string> unproven_text(const Quality& quality, double max_kl_divergence);

// Of a plan's questions.
struct GateScores {
  std::vector<QuestionScore> reference, now;
};

// Looks until all is decided. ask: of the first questions as many as there is time for; nullopt
// where the user wants no more, as is then the result.
// in_time: asked before every look but the first. kl_p999: as of summarize_scores. brief: there is
// no time for the usual first look, and the first asks one more than the fewest questions that can
// pass, though no more than show whether there is anything to lose; the second that many, and no
// fewer than the first else would. A capability of which full precision is sure of no answer, of
// several asked, has nothing to lose: it is asked no more and named beside the others.
std::optional<GateResult> run_gate(
    const std::map<std::string, std::vector<QualityQuestion>>& questions,
    const GateMargins& margins, double kl_p999, bool brief,
    const std::function<std::optional<GateScores>(const QualityPlan&)>& ask,
    const std::function<bool()>& in_time);

// Of every capability up to kMostGateQuestions, in an order drawn by the seed; used: what the
// search measures on, which is left out: where that is all, the capability has none. Without
// those that the context cannot be asked (QualityPlan::unaskable).
std::map<std::string, std::vector<QualityQuestion>> plan_gate(const Workload& workload,
                                                              const ModelShape& shape,
                                                              const Tokenizer& tokenizer,
                                                              const ChatTemplate* chat,
                                                              const QualityPlan& used);

}  // namespace paretune
