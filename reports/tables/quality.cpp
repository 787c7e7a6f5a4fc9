#include <algorithm>

#include "profiles/statistics.h"
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

// Lost by more than a standard error, or as surely by the likelihood's own, finer measure.
bool lost(const Capability& c) {
  return c.drop > c.drop_standard_error ||
         (c.rated > 0 && c.likelihood_drop > 2 * c.likelihood_drop_standard_error);
}

Cell likelihood_cell(const Capability& c) {
  if (c.rated == 0) return {"–"};
  return {number_text(c.reference_likelihood - c.likelihood_drop)};
}

Cell likelihood_change_cell(const Capability& c) {
  if (c.rated == 0) return {"–"};
  return {plus_minus_text(-100 * c.likelihood_drop, 100 * c.likelihood_drop_standard_error),
          c.likelihood_drop > 2 * c.likelihood_drop_standard_error ? Mood::bad : Mood::plain};
}

}  // namespace

Table quality_table(const Study& study) {
  Table table{.caption = "Quality of the picks against full precision, ± standard error",
              .columns = {{"Config"},
                          {"KL divergence, nats per token", true},
                          {"KL p99", true},
                          {"KL p99.9", true},
                          {"KL added by decoding", true},
                          {"KL of rounding alone", true},
                          {"Same top-1", true},
                          {"Perplexity ratio", true},
                          {"Perplexity", true},
                          {"at full precision", true},
                          {"Same greedy answers", true},
                          {"First other token", true},
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
                   {number_text(q.kl_p999)},
                   {plus_minus_text(q.kl_added_by_decoding, q.kl_added_by_decoding_standard_error)},
                   {number_text(q.kl_noise_floor)},
                   {plus_minus_text(q.same_top1_fraction, q.same_top1_standard_error)},
                   {plus_minus_text(q.perplexity_ratio, q.perplexity_ratio_standard_error)},
                   {number_text(q.perplexity)},
                   {number_text(q.reference_perplexity)},
                   {q.answers == 0 ? "–" : number_text(q.same_answers_fraction)},
                   {q.first_divergent_token > 0 ? number_text(q.first_divergent_token) : "–"},
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
  Table table{
      .caption =
          "Accuracy per capability, ± standard error. At worst: the lower end of a one-sided 95 % "
          "interval of the change, from the paired answers. Probability: that the model gives "
          "the right answer, which falls before answers flip",
      .columns = {{"Config"},
                  {"Capability"},
                  {"Questions", true},
                  {"Full precision", true},
                  {"Accuracy", true},
                  {"Change, points", true},
                  {"At worst, points", true},
                  {"Broken", true},
                  {"Mended", true},
                  {"McNemar p", true},
                  {"Probability", true},
                  {"Change, points", true}}};
  for (const Trial* trial : picked_trials(study)) {
    if (!ran(*trial)) continue;
    for (const Capability& c : trial->measurement.quality.capabilities) {
      const double points = 100 * (c.accuracy - c.reference_accuracy);
      const double at_worst = -100 * (c.drop + kOneSided95 * c.drop_standard_error);
      table.rows.push_back({.cells = {{config_name(study, *trial)},
                                      {c.name},
                                      {count_text(c.items)},
                                      {number_text(c.reference_accuracy)},
                                      {plus_minus_text(c.accuracy, c.standard_error)},
                                      {(points > 0 ? "+" : "") + number_text(points),
                                       c.drop > c.drop_standard_error ? Mood::bad : Mood::plain},
                                      {number_text(at_worst)},
                                      {count_text(c.broken)},
                                      {count_text(c.mended)},
                                      {number_text(c.mcnemar_p)},
                                      likelihood_cell(c),
                                      likelihood_change_cell(c)},
                            .trial = trial->id});
    }
  }
  return table;
}

Table gate_table(const Study& study) {
  Table table{.caption =
                  "Quality gate: the configs that verification tested, on questions that no "
                  "trial used; intervals hold over all looks together, one-sided 95 %",
              .columns = {{"Trial", true},
                          {"Verdict"},
                          {"Capability"},
                          {"Questions", true},
                          {"Accuracy lost, points", true},
                          {"At best", true},
                          {"At worst", true},
                          {"Broken", true},
                          {"Mended", true},
                          {"Probability lost, points", true},
                          {"At worst", true}}};
  for (const GateTrial& gate : study.gates) {
    const Cell verdict{std::string(verdict_name(gate.result.verdict)),
                       gate.result.verdict == GateVerdict::failed   ? Mood::bad
                       : gate.result.verdict == GateVerdict::passed ? Mood::good
                                                                    : Mood::plain};
    const auto note = [&](std::string text) {
      Row row{.cells = {{std::to_string(gate.trial)}, verdict, {std::move(text)}},
              .trial = gate.trial};
      row.cells.resize(table.columns.size(), {"–"});
      table.rows.push_back(std::move(row));
    };
    if (gate.result.capabilities.empty()) note("none: " + gate.result.reason);
    for (const std::string& name : gate.result.unasked) note(name + " (not asked: too long)");
    for (const std::string& name : gate.result.nothing_to_lose)
      note(name + " (full precision is sure of no answer)");
    for (const Capability& c : gate.result.capabilities) {
      const LossRange loss = accuracy_loss(c);
      table.rows.push_back(
          {.cells = {{std::to_string(gate.trial)},
                     verdict,
                     {c.name},
                     {count_text(c.items)},
                     {number_text(100 * (c.reference_accuracy - c.accuracy))},
                     {number_text(100 * loss.least)},
                     {number_text(100 * loss.most)},
                     {count_text(c.broken)},
                     {count_text(c.mended)},
                     {c.rated > 0 ? number_text(100 * c.likelihood_drop) : "–"},
                     {c.rated > 0 ? number_text(100 * likelihood_loss(c).most) : "–"}},
           .trial = gate.trial});
    }
  }
  return table;
}

// Which capability breaks first, as quality falls along the front.
Table capability_front_table(const Study& study) {
  Table table{
      .caption =
          "Accuracy along the front, from the least to the most divergence, and below it the "
          "points "
          "lost against full precision ± standard error of the paired answers; marked where a "
          "capability lost more than a standard error, or its answers' probability more than two",
      .columns = {{"Trial", true}, {"KL divergence", true}}};
  std::vector<const Trial*> trials = front_trials(study);
  std::ranges::stable_sort(
      trials, {}, [](const Trial* trial) { return trial->measurement.quality.kl_divergence; });
  if (trials.empty() || trials[0]->measurement.quality.capabilities.empty()) return table;
  for (const Capability& c : trials[0]->measurement.quality.capabilities)
    table.columns.push_back({c.name, true});
  for (const Trial* trial : trials) {
    const Quality& q = trial->measurement.quality;
    Row row{.cells = {{std::to_string(trial->id)}, {number_text(q.kl_divergence)}},
            .trial = trial->id};
    for (const Capability& c : q.capabilities) {
      row.cells.push_back({.text = number_text(c.accuracy),
                           .mood = lost(c) ? Mood::bad : Mood::plain,
                           .note = plus_minus_text(100 * c.drop, 100 * c.drop_standard_error)});
    }
    row.cells.resize(table.columns.size(), {"–"});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table ladder_table(const Study& study) {
  Table table{.caption =
                  "What breaks first: accuracy as all open layers get fewer bits, all else at full "
                  "precision, and below it the points lost of the probability of the right answer "
                  "± standard error; marked where a capability has lost something, one-sided 95 %. "
                  "Those that break first come first",
              .columns = {{"Weights"}, {"Bits per weight", true}, {"KL divergence", true}}};
  if (study.ladder.empty()) return table;
  // By the rung at which it breaks, then by how much is lost on the last.
  const std::vector<Capability>& last = study.ladder.back().capabilities;
  std::vector<std::tuple<std::size_t, double, std::size_t>> order;
  for (std::size_t i = 0; i < last.size(); ++i) {
    std::size_t rung = 0;
    while (rung < study.ladder.size() && !broken(study.ladder[rung].capabilities[i])) ++rung;
    order.emplace_back(rung, -std::max(last[i].drop, last[i].likelihood_drop), i);
  }
  std::ranges::sort(order);
  for (const auto& [rung, loss, i] : order) table.columns.push_back({last[i].name, true});
  for (const Rung& rung : study.ladder) {
    Row row{.cells = {{rung.treatment},
                      {number_text(rung.bits_per_weight)},
                      {plus_minus_text(rung.kl_divergence, rung.kl_standard_error)}}};
    for (const auto& [broke, loss, i] : order) {
      const Capability& c = rung.capabilities[i];
      const bool rated = c.rated > 0;
      row.cells.push_back({.text = number_text(c.accuracy),
                           .mood = broken(c) ? Mood::bad : Mood::plain,
                           .note = plus_minus_text(100 * (rated ? c.likelihood_drop : c.drop),
                                                   100 * (rated ? c.likelihood_drop_standard_error
                                                                : c.drop_standard_error))});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace paretune
