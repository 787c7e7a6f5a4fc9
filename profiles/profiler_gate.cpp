// The profiler's part in the quality gate: scores of questions, each measured once.
#include <algorithm>
#include <span>
#include <stdexcept>

#include "profiles/digest.h"
#include "profiles/isolate.h"
#include "profiles/pace.h"
#include "profiles/profiler.h"
#include "profiles/quality.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {
namespace {

// By full precision and a config, loading included: gate_bench says 22 ms a token of the 1.1B shape
// on two cores, half of what is assumed of full precision where less runs beside each other.
double assumed_seconds(std::span<const QualityQuestion> questions, const Target& target) {
  double tokens = 0;
  for (const QualityQuestion& question : questions) tokens += double(question.prompt.size());
  return 0.5 * tokens * assumed_reference_token_seconds(target);
}

// The first of these questions: all where they are answered in so many seconds, else about half as
// many as are, so that the clock is looked at before it is too late. Each part loads both models,
// and answers are generated beside each other: few large parts take the least time.
std::span<const QualityQuestion> next_part(std::span<const QualityQuestion> questions,
                                           const Target& target, double seconds) {
  constexpr double kLeastSeconds = 30;
  if (assumed_seconds(questions, target) <= seconds) return questions;
  std::size_t n = 0;
  while (n < questions.size() &&
         assumed_seconds(questions.first(n), target) < std::max(kLeastSeconds, seconds / 2))
    ++n;
  return questions.first(n);
}

}  // namespace

std::optional<std::vector<QuestionScore>> Profiler::scores_of(const DeployConfig& config,
                                                              const QualityPlan& plan) {
  std::vector<std::string> memos;
  std::vector<QuestionScore> scores(plan.questions.size());
  QualityPlan unknown;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < plan.questions.size(); ++i) {
    QualityPlan one;
    one.questions.push_back(plan.questions[i]);
    memos.push_back(digest(
        {"score", model_key(), quality_signature(config), kernels_of(config), one.hash(), build_}));
    const std::vector<QuestionScore> known = parse_scores(store_.find_blob(memos[i]).value_or(""));
    if (known.size() == 1) {
      scores[i] = known[0];
    } else {
      asked.push_back(i);
      unknown.questions.push_back(plan.questions[i]);
    }
  }
  if (asked.empty()) return scores;
  const ChildResult child = run_isolated(
      [&] {
        const LoadedModel model = load_model(open(), config, kernels_, &packs_);
        return to_text(score_questions(model, config, unknown));
      },
      1e9, stop_);
  if (child.interrupted) return std::nullopt;
  if (child.outcome != Outcome::ok) throw std::runtime_error("quality gate: " + child.detail);
  const std::vector<QuestionScore> answers = parse_scores(child.output);
  if (answers.size() != asked.size())
    throw std::runtime_error("quality gate: a question has no score");
  std::vector<Store::Blob> kept;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    scores[asked[i]] = answers[i];
    kept.emplace_back(memos[asked[i]], to_text({&answers[i], 1}));
  }
  store_.put_blobs(kept);
  return scores;
}

std::optional<GateResult> Profiler::gate(const DeployConfig& config, const GateMargins& margins,
                                         double kl_p999, double budget_s) {
  try {
    return asked_gate(config, margins, kl_p999, budget_s);
  } catch (const std::runtime_error& error) {
    // A grader that fails on one question is no reason to lose the study.
    return GateResult{.verdict = GateVerdict::undecided, .reason = error.what()};
  }
}

std::optional<GateResult> Profiler::asked_gate(const DeployConfig& config,
                                               const GateMargins& margins, double kl_p999,
                                               double budget_s) {
  if (gate_questions_.empty()) {
    const Tokenizer tokenizer(source_->tokenizer());
    const std::optional<ChatTemplate> chat = chat_template(tokenizer);
    gate_questions_ =
        plan_gate(workload_, source_->shape(), tokenizer, chat ? &*chat : nullptr, plan_);
  }
  // Where there is no time to prove even that nothing changed, another config may use it.
  double least_s = 0, first_s = 0;
  for (const auto& [name, questions] : gate_questions_) {
    const std::optional<double> margin = margins.of(name);
    if (!margin || questions.empty()) continue;
    const double seconds = assumed_seconds(std::span(questions).first(1), target_);
    least_s += seconds * fewest_gate_questions(*margin, kl_p999, questions);
    first_s += seconds * gate_questions(*margin, 0);
  }
  const bool hopeless = least_s > budget_s;
  const double begin = clock_.now(), deadline = begin + (hopeless ? -1 : budget_s);
  double assumed = 0;  // of what was asked
  std::optional<GateResult> result = run_gate(
      gate_questions_, margins, kl_p999, first_s > budget_s,
      [&](const QualityPlan& plan) -> std::optional<GateScores> {
        GateScores all;
        std::span<const QualityQuestion> left = plan.questions;
        while (!left.empty() && !hopeless) {
          const double now_s = clock_.now();
          if (!all.now.empty() && now_s > deadline) break;
          const double pace = assumed > 0 ? (now_s - begin) / assumed : 1;
          const std::span<const QualityQuestion> questions =
              next_part(left, target_, std::max(deadline - now_s, 0.0) / pace);
          QualityPlan part;
          part.questions.assign(questions.begin(), questions.end());
          const auto reference = scores_of(full_precision_config(target_), part);
          const auto now = reference ? scores_of(config, part) : std::nullopt;
          if (!now) return std::nullopt;
          all.reference.insert(all.reference.end(), reference->begin(), reference->end());
          all.now.insert(all.now.end(), now->begin(), now->end());
          assumed += assumed_seconds(questions, target_);
          left = left.subspan(questions.size());
        }
        return all;
      },
      [&] { return clock_.now() <= deadline; });
  if (!result) return result;
  for (const std::string& name : plan_.unaskable) {
    if (margins.of(name)) result->unasked.push_back(name);
  }
  if (result->capabilities.empty() && !result->unasked.empty()) {
    result->verdict = GateVerdict::undecided;
    result->reason = "the model's context holds no question of any capability";
  }
  return result;
}

}  // namespace paretune
