#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
namespace {

std::string config_name(const Study& study, const Trial& trial) {
  return cat(
      {"trial ", std::to_string(trial.id), " (", join(pick_names(study, trial.id), ", "), ")"});
}

}  // namespace

Table quality_table(const Study& study) {
  Table table{.caption = "Quality of the picks against full precision, ± standard error",
              .columns = {{"Config"},
                          {"KL divergence, nats per token", true},
                          {"KL p99", true},
                          {"Same top-1", true},
                          {"Perplexity ratio", true},
                          {"Perplexity", true},
                          {"at full precision", true},
                          {"Accuracy", true},
                          {"Tokens", true},
                          {"Documents", true}}};
  for (const Trial* trial : picked_trials(study)) {
    if (!ran(*trial)) continue;
    const Quality& q = trial->measurement.quality;
    table.rows.push_back(
        {.cells = {{config_name(study, *trial)},
                   {plus_minus_text(q.kl_divergence, q.kl_standard_error)},
                   {number_text(q.kl_p99)},
                   {plus_minus_text(q.same_top1_fraction, q.same_top1_standard_error)},
                   {plus_minus_text(q.perplexity_ratio, q.perplexity_ratio_standard_error)},
                   {number_text(q.perplexity)},
                   {number_text(q.reference_perplexity)},
                   {q.capabilities.empty()
                        ? "not graded"
                        : plus_minus_text(q.accuracy, q.accuracy_standard_error)},
                   {count_text(q.tokens)},
                   {count_text(q.documents)}},
         .trial = trial->id});
  }
  return table;
}

Table capability_table(const Study& study) {
  Table table{.caption = "Accuracy per capability, ± standard error",
              .columns = {{"Config"},
                          {"Capability"},
                          {"Questions", true},
                          {"Full precision", true},
                          {"Accuracy", true},
                          {"Change, points", true},
                          {"Broken", true},
                          {"Mended", true}}};
  for (const Trial* trial : picked_trials(study)) {
    if (!ran(*trial)) continue;
    for (const Capability& c : trial->measurement.quality.capabilities) {
      const double points = 100 * (c.accuracy - c.reference_accuracy);
      const bool lost =
          c.accuracy + c.standard_error < c.reference_accuracy;  // by more than one standard error
      table.rows.push_back({.cells = {{config_name(study, *trial)},
                                      {c.name},
                                      {count_text(c.items)},
                                      {number_text(c.reference_accuracy)},
                                      {plus_minus_text(c.accuracy, c.standard_error)},
                                      {(points > 0 ? "+" : "") + number_text(points),
                                       lost ? Mood::bad : Mood::plain},
                                      {count_text(c.broken)},
                                      {count_text(c.mended)}},
                            .trial = trial->id});
    }
  }
  return table;
}

}  // namespace paretune
