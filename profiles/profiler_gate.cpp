// The profiler's part in the quality gate: scores of questions, each measured once.
#include <stdexcept>

#include "profiles/digest.h"
#include "profiles/isolate.h"
#include "profiles/pace.h"
#include "profiles/profiler.h"
#include "profiles/quality.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {
namespace {

// Questions that a slow model answers in about kPartSeconds at a time, in their order. Each part
// loads both models.
std::vector<QualityPlan> parts_of(const QualityPlan& plan, const Target& target) {
  constexpr double kPartSeconds = 30;
  const double token_seconds = assumed_reference_token_seconds(target);
  std::vector<QualityPlan> parts(1);
  double seconds = 0;
  for (const QualityQuestion& question : plan.questions) {
    if (seconds > kPartSeconds) parts.emplace_back(), seconds = 0;
    parts.back().questions.push_back(question);
    seconds += token_seconds * double(question.prompt.size());
  }
  return parts;
}

}  // namespace

std::optional<std::vector<QuestionScore>> Profiler::scores_of(const DeployConfig& config,
                                                              const QualityPlan& plan) {
  if (plan.questions.empty()) return std::vector<QuestionScore>();
  const std::string memo =
      digest({"scores", model_key(), quality_signature(config), plan.hash(), build_});
  std::optional<std::string> text = store_.find_blob(memo);
  if (!text) {
    const ChildResult child = run_isolated(
        [&] {
          const LoadedModel model = load_model(open(), config, kernels_, &packs_);
          return to_text(score_questions(model, config, plan));
        },
        1e9, stop_);
    if (child.interrupted) return std::nullopt;
    if (child.outcome != Outcome::ok) throw std::runtime_error("quality gate: " + child.detail);
    text = child.output;
    store_.put_blob(memo, *text);
  }
  std::vector<QuestionScore> scores = parse_scores(*text);
  if (scores.size() != plan.questions.size())
    throw std::runtime_error("quality gate: the store's memo of scores is damaged");
  return scores;
}

std::optional<GateResult> Profiler::gate(const DeployConfig& config, const GateMargins& margins,
                                         double kl_p999, double budget_s) {
  if (gate_questions_.empty()) {
    const Tokenizer tokenizer(source_->tokenizer());
    const std::optional<ChatTemplate> chat = chat_template(tokenizer);
    gate_questions_ =
        plan_gate(workload_, source_->shape(), tokenizer, chat ? &*chat : nullptr, plan_);
  }
  // Where there is no time to prove even that nothing changed, another config may use it.
  double least_s = 0;
  for (const auto& [name, questions] : gate_questions_) {
    const std::optional<double> margin = margins.of(name);
    if (!margin || questions.empty()) continue;
    const int n = fewest_gate_questions(*margin, kl_p999);
    least_s +=
        n * double(questions.front().prompt.size()) * assumed_reference_token_seconds(target_);
  }
  const bool hopeless = least_s > budget_s;
  const double deadline = clock_.now() + (hopeless ? -1 : budget_s);
  std::optional<GateResult> result = run_gate(
      gate_questions_, margins, kl_p999,
      [&](const QualityPlan& plan) -> std::optional<GateScores> {
        GateScores all;
        for (const QualityPlan& part : parts_of(plan, target_)) {
          if (hopeless || (!all.now.empty() && clock_.now() > deadline)) break;
          const auto reference = scores_of(full_precision_config(target_), part);
          const auto now = reference ? scores_of(config, part) : std::nullopt;
          if (!now) return std::nullopt;
          all.reference.insert(all.reference.end(), reference->begin(), reference->end());
          all.now.insert(all.now.end(), now->begin(), now->end());
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
