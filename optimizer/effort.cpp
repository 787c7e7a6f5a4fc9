#include "optimizer/effort.h"

#include <algorithm>
#include <cstdio>

#include "profiles/pace.h"
#include "profiles/quality_plan.h"
#include "workloads/requests.h"

namespace paretune {
namespace {

// Shares of the budget, and what is measured whatever it takes.
constexpr double kRunShare = 0.015, kTextShare = 0.02, kQuestionShare = 0.03;
constexpr int kFewestRequests = 16, kFewestTextTokens = 512, kFewestQuestions = 18;
constexpr double kTokensPerQuestion = 64;

// Lowers `most` to what is affordable, but not below `fewest`.
int fit(int most, double affordable, int fewest) {
  return std::min(most, int(std::clamp(affordable, double(fewest), 1e9)));
}

}  // namespace

Effort fit_to_budget(Workload workload, const Target& target) {
  // What all the budget would process.
  const double seconds = 60 * workload.budget.minutes,
               tokens = seconds / assumed_reference_token_seconds(target),
               served = seconds / assumed_served_token_seconds(target);
  const QualityBudget usual;
  const QualitySpec& asked = workload.quality;
  const int most_text = asked.max_text_tokens.value_or(usual.text_tokens),
            most_questions = asked.max_questions.value_or(usual.questions);
  const int requests =
                fit(workload.num_requests, kRunShare * served / mean_lengths(workload).all_tokens(),
                    kFewestRequests),
            text = fit(most_text, kTextShare * tokens, kFewestTextTokens),
            questions =
                fit(most_questions, kQuestionShare * tokens / kTokensPerQuestion, kFewestQuestions);
  std::string change;
  if (requests < workload.num_requests) {
    char line[160];
    std::snprintf(line, sizeof line, "runs of %d requests instead of %d", requests,
                  workload.num_requests);
    change = line;
    workload.warmup_requests = std::min(workload.warmup_requests, std::max(1, requests / 8));
    workload.num_requests = requests;
  }
  if (text < most_text || questions < most_questions) {
    char line[160];
    std::snprintf(line, sizeof line, "%squality on at most %d tokens and %d questions",
                  change.empty() ? "" : ", ", text, questions);
    change += line;
    workload.quality.max_text_tokens = text;
    workload.quality.max_questions = questions;
  }
  if (!change.empty()) {
    char line[80];
    std::snprintf(line, sizeof line, ": what a model of this size leaves time for in %g minutes",
                  workload.budget.minutes);
    change += line;
  }
  return {std::move(workload), std::move(change)};
}

}  // namespace paretune
