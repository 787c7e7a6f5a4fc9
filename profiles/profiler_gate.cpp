// The profiler's part in the quality gate: scores of questions, each measured once.
#include <algorithm>
#include <numeric>
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
// on two cores, half of what is assumed of full precision where less runs beside each other. Four
// fifths of it are full precision's.
constexpr double kReferenceShare = 0.4, kShare = 0.1;

// The first of the questions: all where they are asked in so many seconds, else about half as many
// as are, so that the clock is looked at before it is too late. Each part loads both models, and
// answers are generated beside each other: few large parts take the least time. costs: seconds of
// each.
std::size_t next_part(std::span<const double> costs, double seconds) {
  constexpr double kLeastSeconds = 30;
  if (std::accumulate(costs.begin(), costs.end(), 0.0) <= seconds) return costs.size();
  const double most = std::max(kLeastSeconds, seconds / 2);
  std::size_t n = 0;
  for (double sum = 0; n < costs.size() && sum < most; ++n) sum += costs[n];
  return n;
}

}  // namespace

std::vector<std::string> Profiler::score_memos(const DeployConfig& config,
                                               std::span<const QualityQuestion> questions) const {
  const std::string prefix =
      digest({"score", model_key(), quality_signature(config), kernels_of(config), build_});
  std::vector<std::string> memos;
  for (const QualityQuestion& question : questions) {
    QualityPlan one;
    one.questions.push_back(question);
    memos.push_back(digest({prefix, one.hash()}));
  }
  return memos;
}

std::vector<double> Profiler::asking_seconds(const DeployConfig& config,
                                             std::span<const QualityQuestion> questions) const {
  const std::vector<std::string> reference = score_memos(full_precision_config(target_), questions),
                                 now = score_memos(config, questions);
  std::vector<double> seconds;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const double share = (store_.find_blob(reference[i]) ? 0 : kReferenceShare) +
                         (store_.find_blob(now[i]) ? 0 : kShare);
    seconds.push_back(share * double(questions[i].prompt.size()) *
                      assumed_reference_token_seconds(target_));
  }
  return seconds;
}

std::optional<std::vector<QuestionScore>> Profiler::scores_of(const DeployConfig& config,
                                                              const QualityPlan& plan) {
  const std::vector<std::string> memos = score_memos(config, plan.questions);
  std::vector<QuestionScore> scores(plan.questions.size());
  QualityPlan unknown;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < plan.questions.size(); ++i) {
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
  // Where there is no time to prove even that nothing changed, another config may use it. What the
  // store knows, of this config or one whose answers are the same, takes none.
  double least_s = 0, first_s = 0;
  for (const auto& [name, questions] : gate_questions_) {
    const std::optional<double> margin = margins.of(name);
    if (!margin || questions.empty()) continue;
    const auto of_first = [&](int n) {
      const auto first = std::span(questions).first(std::min(questions.size(), std::size_t(n)));
      const std::vector<double> costs = asking_seconds(config, first);
      return std::accumulate(costs.begin(), costs.end(), 0.0);
    };
    least_s += of_first(fewest_gate_questions(*margin, kl_p999, questions));
    first_s += of_first(gate_questions(*margin, 0));
  }
  const bool hopeless = least_s > budget_s;
  double assumed = 0, took = 0;  // of what the store did not know
  std::optional<GateResult> result = run_gate(
      gate_questions_, margins, kl_p999, first_s > budget_s,
      [&](const QualityPlan& plan) -> std::optional<GateScores> {
        GateScores all;
        std::span<const QualityQuestion> left = plan.questions;
        while (!left.empty() && !hopeless) {
          if (!all.now.empty() && took > budget_s) break;
          const double pace = assumed > 0 ? took / assumed : 1;
          const std::vector<double> costs = asking_seconds(config, left);
          const std::size_t n = next_part(costs, std::max(budget_s - took, 0.0) / pace);
          QualityPlan part;
          part.questions.assign(left.begin(), left.begin() + std::ptrdiff_t(n));
          const double begin = clock_.now();
          const auto reference = scores_of(full_precision_config(target_), part);
          const auto now = reference ? scores_of(config, part) : std::nullopt;
          if (!now) return std::nullopt;
          all.reference.insert(all.reference.end(), reference->begin(), reference->end());
          all.now.insert(all.now.end(), now->begin(), now->end());
          const double cost =
              std::accumulate(costs.begin(), costs.begin() + std::ptrdiff_t(n), 0.0);
          if (cost > 0) assumed += cost, took += clock_.now() - begin;
          left = left.subspan(n);
        }
        return all;
      },
      [&] { return !hopeless && took <= budget_s; });
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
