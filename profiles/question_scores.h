// From what two models made of the same questions to what was lost, capability by capability.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"

namespace paretune {

struct QuestionScore {
  // In [0, 1]; of the grader own_choice, the choice's number, and a half more where the model is
  // not sure of it.
  double score = 0;
  // Of every choice, together 1; or of the answer's wording alone; or nothing, where there is no
  // wording to rate.
  std::vector<double> likelihoods;
  bool operator==(const QuestionScore&) const = default;
};

// A line each; parse_scores(to_text(s)) == s. What is not a score ends the reading.
std::string to_text(std::span<const QuestionScore> scores);
std::vector<QuestionScore> parse_scores(const std::string& text);

void set_scores(QualityReference& reference, std::span<const QuestionScore> scores);
std::vector<QuestionScore> scores_of(const QualityReference& reference);

// Fills the graded part of a Quality from both models' scores, by question of the plan. Its kl_p999
// is read: by as much as it allows of each token may an answer's probability change that was not
// asked for.
void summarize_scores(const QualityPlan& plan, std::span<const QuestionScore> scores,
                      std::span<const QuestionScore> reference_scores, Quality& quality);

}  // namespace paretune
