#include "profiles/question_scores.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>

#include "profiles/statistics.h"

namespace paretune {
namespace {

// Full precision's mean likelihood of what is right is no less than this part of how often it is
// right, or else it words its answers in a way that the rating does not know.
constexpr double kTellingShare = 0.5;

struct Drops {
  std::vector<double> scores;
  std::vector<double> likelihoods;
  double reference_likelihood = 0;  // sum
  double tokens = 0;                // sum, of what is rated
  std::vector<double> now;          // scores
  std::vector<int> documents;       // of the scores
};

// Numbers for the documents of a plan's questions.
class Documents {
 public:
  int of(const EvalItem& item) {
    if (item.document.empty()) return n_++;
    const auto [found, is_new] = known_.try_emplace(item.document, n_);
    n_ += is_new;
    return found->second;
  }

 private:
  std::map<std::string, int> known_;
  int n_ = 0;
};

// Index of the right answer's likelihood, of those of the question.
std::size_t right_one(const QualityQuestion& question, const QuestionScore& reference) {
  if (question.item.grader == &kOwnChoice) return std::size_t(reference.score);
  return question.choices.empty() ? 0 : std::size_t(question.item.correct_choice);
}

void rate(const Drops& drops, double kl_p999, Capability& capability) {
  const double n = double(drops.likelihoods.size());
  if (drops.likelihoods.size() != drops.scores.size()) return;
  const double reference = drops.reference_likelihood / n;
  if (reference < kTellingShare * capability.reference_accuracy) return;
  // The divergences of an answer's tokens add up.
  const double swing = largest_swing(kl_p999 * drops.tokens / n);
  Mean drop = paired_likelihood_drop(drops.likelihoods, swing);
  drop.standard_error *= clustering_factor(drops.likelihoods, drops.documents);
  capability.rated = int(n);
  capability.reference_likelihood = reference;
  capability.likelihood_drop = drop.value;
  capability.likelihood_drop_standard_error = drop.standard_error;
}

}  // namespace

std::string to_text(std::span<const QuestionScore> scores) {
  std::string text;
  char number[32];
  for (const QuestionScore& score : scores) {
    std::snprintf(number, sizeof number, "%.17g", score.score);
    text += number;
    for (const double likelihood : score.likelihoods) {
      std::snprintf(number, sizeof number, " %.17g", likelihood);
      text += number;
    }
    text += '\n';
  }
  return text;
}

std::vector<QuestionScore> parse_scores(const std::string& text) {
  std::vector<QuestionScore> scores;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line);
    QuestionScore score;
    if (!(numbers >> score.score)) break;
    for (double likelihood; numbers >> likelihood;) score.likelihoods.push_back(likelihood);
    scores.push_back(std::move(score));
  }
  return scores;
}

void set_scores(QualityReference& reference, std::span<const QuestionScore> scores) {
  reference.scores.clear(), reference.likelihoods.clear(), reference.likelihood_ends.clear();
  for (const QuestionScore& score : scores) {
    reference.scores.push_back(score.score);
    reference.likelihoods.insert(reference.likelihoods.end(), score.likelihoods.begin(),
                                 score.likelihoods.end());
    reference.likelihood_ends.push_back(std::uint32_t(reference.likelihoods.size()));
  }
}

std::vector<QuestionScore> scores_of(const QualityReference& reference) {
  std::vector<QuestionScore> scores;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < reference.scores.size(); ++i) {
    const std::size_t end = reference.likelihood_ends[i];
    scores.push_back({reference.scores[i],
                      {reference.likelihoods.begin() + std::ptrdiff_t(begin),
                       reference.likelihoods.begin() + std::ptrdiff_t(end)}});
    begin = end;
  }
  return scores;
}

void summarize_scores(const QualityPlan& plan, std::span<const QuestionScore> scores,
                      std::span<const QuestionScore> reference_scores, Quality& quality) {
  std::vector<Drops> drops;  // by capability
  Documents documents;
  for (std::size_t i = 0; i < plan.questions.size(); ++i) {
    const QualityQuestion& question = plan.questions[i];
    const EvalItem& item = question.item;
    double score = scores[i].score, reference = reference_scores[i].score;
    if (item.grader == &kOwnChoice) {
      if (reference != std::floor(reference)) continue;
      score = std::floor(score) == reference;
      reference = 1;
    }
    const std::string& name = item.capability;
    auto found = std::ranges::find(quality.capabilities, name, &Capability::name);
    if (found == quality.capabilities.end()) {
      found = quality.capabilities.insert(found, {.name = name});
      drops.emplace_back();
    }
    Capability& capability = *found;
    ++capability.items;
    capability.accuracy += score;  // sums until the end
    capability.reference_accuracy += reference;
    const bool right = score >= 0.5, was_right = reference >= 0.5;
    capability.broken += was_right && !right;
    capability.mended += right && !was_right;
    Drops& lost = drops[std::size_t(found - quality.capabilities.begin())];
    lost.scores.push_back(reference - score);
    lost.now.push_back(score);
    lost.documents.push_back(documents.of(item));
    const std::size_t right_answer = right_one(question, reference_scores[i]);
    if (right_answer < scores[i].likelihoods.size() &&
        right_answer < reference_scores[i].likelihoods.size()) {
      const double before = reference_scores[i].likelihoods[right_answer];
      lost.likelihoods.push_back(before - scores[i].likelihoods[right_answer]);
      lost.reference_likelihood += before;
      lost.tokens += rated_tokens(question);
    }
  }
  double accuracy = 0, variance = 0;
  for (std::size_t i = 0; i < quality.capabilities.size(); ++i) {
    Capability& capability = quality.capabilities[i];
    capability.standard_error = binomial_standard_error(capability.accuracy, capability.items) *
                                clustering_factor(drops[i].now, drops[i].documents);
    capability.accuracy /= capability.items;
    capability.reference_accuracy /= capability.items;
    const Mean drop = paired_drop(drops[i].scores);
    capability.drop = drop.value;
    capability.drop_standard_error =
        drop.standard_error * clustering_factor(drops[i].scores, drops[i].documents);
    capability.mcnemar_p = mcnemar_p(capability.broken, capability.mended);
    rate(drops[i], quality.kl_p999, capability);
    accuracy += capability.accuracy;
    variance += capability.standard_error * capability.standard_error;
  }
  const double n = double(quality.capabilities.size());
  if (n == 0) return;
  quality.accuracy = accuracy / n;
  quality.accuracy_standard_error = std::sqrt(variance) / n;
}

}  // namespace paretune
