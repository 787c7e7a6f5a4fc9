#include "reports/decision.h"

#include <algorithm>
#include <cmath>

#include "optimizer/drift.h"
#include "reports/facts.h"
#include "reports/number.h"
#include "reports/text.h"

namespace paretune {
namespace {

double reference_accuracy(
    const Quality& quality) {  // mean over capabilities, as Quality::accuracy is
  double sum = 0;
  for (const Capability& capability : quality.capabilities) sum += capability.reference_accuracy;
  return quality.capabilities.empty() ? 0 : sum / static_cast<double>(quality.capabilities.size());
}

bool overlap(const Estimate& a, const Estimate& b) { return a.low <= b.high && b.low <= a.high; }

// How the trial stands to the default on one axis; "" where there is no default to compare with.
std::string against_default(const Study& study, const Trial& trial, const ObjectiveRow& axis,
                            std::string_view less, std::string_view more) {
  const Trial* base = default_trial(study);
  if (!base || !ran(*base) || base->id == trial.id) return "";
  const Estimate mine = axis.estimate(study, trial);
  const Estimate theirs = axis.estimate(study, *base);
  return cat({comparison(mine.value, theirs.value, less, more), " than the default's ",
              number_text(theirs.value),
              overlap(mine, theirs) ? "; the intervals overlap, so this may be noise" : ""});
}

std::string with_note(std::string text, const std::string& note) {
  return note.empty() ? text : cat({text, "; ", note});
}

// Of the trial to the default in verification's pairs, which says more than two separate runs; null
// where they were not compared.
const Estimate* paired_cost_ratio(const Study& study, const Trial& trial) {
  const Verification& verification = study.verification;
  const bool compared = verification.done && verification.cost_ratio.value > 0;
  return compared && verification.trial == trial.id ? &verification.cost_ratio : nullptr;
}

KeyNumber cost_number(const Study& study, const Trial& trial) {
  std::string note = against_default(study, trial, kObjectives[0], "cheaper", "dearer");
  if (const Estimate* const ratio = paired_cost_ratio(study, trial)) {
    note = cat({comparison(ratio->value, 1, "cheaper", "dearer"),
                " than the default measured beside it, 90 % interval ",
                signed_percent_text(ratio->low - 1, 0), " to ",
                signed_percent_text(ratio->high - 1, 0)});
  }
  return {"Cost", usd_text(trial.objectives.usd_per_million_output_tokens),
          with_note("per million output tokens", note)};
}

KeyNumber latency_number(const Study& study, const Trial& trial) {
  KeyNumber out{latency_title(study), number_text(trial.objectives.latency_ms) + " ms",
                with_note("under your traffic",
                          against_default(study, trial, kObjectives[1], "faster", "slower"))};
  const std::vector<VerifiedMetric>& verified = study.verification.metrics;
  const auto again = std::ranges::find(verified, study.latency_objective, &VerifiedMetric::name);
  if (study.verification.done && again != verified.end())
    out.note += cat({"; ", number_text(again->verified), " ms when verified"});
  if (latency_is_shaky(study, trial)) {
    out.note += "; too few samples for this percentile: treat it as rough";
    out.mood = Mood::muted;
  }
  return out;
}

KeyNumber quality_number(const Study& study, const Trial& trial) {
  const Quality& quality = trial.measurement.quality;
  const std::string kl =
      cat({"KL divergence ", number_text(trial.objectives.kl_divergence), " nats per token, ",
           percent_text(quality.same_top1_fraction), " same first choice"});
  if (quality.capabilities.empty()) {
    return {quality_title(study), number_text(trial.objectives.kl_divergence),
            cat({"nats per token, ", percent_text(quality.same_top1_fraction),
                 " same first choice; no graded questions were asked"})};
  }
  return {"Accuracy", percent_text(quality.accuracy),
          cat({"± ", percent_text(quality.accuracy_standard_error),
               " (standard error); full precision has ", percent_text(reference_accuracy(quality)),
               "; ", kl})};
}

KeyNumber verification_number(const Verification& verification) {
  if (!verification.done) {
    return {"Verification", "not done", "the config was not launched and measured on fresh traffic",
            Mood::muted};
  }
  const bool good = verification.held();
  return {"Verification", good ? "passed" : "not passed", verification.verdict,
          good ? Mood::good : Mood::bad};
}

std::string limits_sentence(const Study& study, const Trial& trial) {
  const std::vector<std::string> limits = limits_text(study.workload);
  const std::string all = join(limits, "; ");
  if (trial.feasible) return cat({"Limits, all met: ", all, "."});
  return cat({"Limits not met: ", join(trial.violations, "; "), ". Asked for: ", all, "."});
}

std::string verification_sentence(const Study& study) {
  const Verification& verification = study.verification;
  if (!verification.done) {
    const std::string& why = verification.verdict;
    return cat({"Not verified: these are the search's own measurements",
                why.empty() ? "" : " (" + why + ")", "."});
  }
  return cat({verification.held() ? "Verified" : "Verification did not pass",
              " on traffic that the search never saw (seed ", std::to_string(verification.seed),
              "): ", verification.verdict});
}

std::string run_sentence(const Study& study) {
  const auto failed = std::count_if(study.trials.begin(), study.trials.end(),
                                    [](const Trial& t) { return !ran(t); });
  const auto feasible = std::count_if(study.trials.begin(), study.trials.end(),
                                      [](const Trial& t) { return t.feasible; });
  const std::string drift = drift_text(study);
  return cat({std::to_string(study.trials.size()), " trials in ", seconds_text(study.seconds), " (",
              std::to_string(study.resumed_trials),
              " taken from an earlier run): ", std::to_string(feasible), " meet every limit, ",
              std::to_string(failed), " failed. The search ended because: ",
              study.stop_reason.empty() ? "not stated" : study.stop_reason, ".",
              study.regret ? " " + regret_text(study) : "",
              study.certified ? " " + certified_text(study) : "",
              study.effort.empty() ? "" : " The budget allowed for " + study.effort + ".",
              drift.empty() ? "" : " Mind that " + drift + "."});
}

Decision nothing_measured(const Study& study) {
  Decision out{.headline = "No answer yet: no trial has finished.", .mood = Mood::muted};
  out.sentences.push_back(run_sentence(study));
  return out;
}

Decision infeasible(const Study& study, const Trial& nearest) {
  Decision out{.headline = "No configuration that was measured meets your limits.",
               .mood = Mood::bad};
  out.numbers = {cost_number(study, nearest), latency_number(study, nearest),
                 quality_number(study, nearest)};
  if (!study.binding_constraint.empty())
    out.sentences.push_back("What binds: " + study.binding_constraint);
  out.sentences.push_back(cat({"Nearest: trial ", std::to_string(nearest.id), ", which is ",
                               config_text(study, nearest), "."}));
  out.sentences.push_back(limits_sentence(study, nearest));
  out.sentences.push_back(run_sentence(study));
  return out;
}

// Configs meet the limits, but none may be shipped.
Decision nothing_let_through(const Study& study) {
  const bool launched = study.verification.done;
  Decision out{.headline = launched ? "Nothing to deploy: no config met your limits again when it "
                                      "was launched on fresh traffic."
                                    : "Nothing to deploy: no config that meets your limits is "
                                      "proven to keep its quality.",
               .mood = Mood::bad};
  out.sentences = {
      launched ? verification_sentence(study)
               : cat({"The quality gate: ", study.verification.verdict, "."}),
      "The front below is as measured. `tune pick --without-limits` writes one of it nonetheless.",
      run_sentence(study)};
  return out;
}

std::string headline(const Study& study, const Trial& trial) {
  const Trial* base = default_trial(study);
  if (trial.id == 0)
    return "Keep the default config: nothing that was measured serves this workload better.";
  std::string out = cat({"Deploy trial ", std::to_string(trial.id)});
  if (!base || !ran(*base))
    return out + ". The default config did not run, so there is nothing to compare it with.";
  const Objectives& mine = trial.objectives;
  const Objectives& theirs = base->objectives;
  const Estimate* const paired = paired_cost_ratio(study, trial);
  return cat({out, ": cost ",
              paired ? comparison(paired->value, 1, "cheaper", "dearer")
                     : comparison(mine.usd_per_million_output_tokens,
                                  theirs.usd_per_million_output_tokens, "cheaper", "dearer"),
              ", ", latency_title(study), " ",
              comparison(mine.latency_ms, theirs.latency_ms, "faster", "slower"),
              ", KL divergence ", number_text(mine.kl_divergence), "."});
}

}  // namespace

std::string comparison(double value, double base, std::string_view less, std::string_view more) {
  if (!(value > 0) || !(base > 0) || !std::isfinite(value) || !std::isfinite(base)) {
    return cat({number_text(value), " against ", number_text(base)});
  }
  const double change = value / base - 1;
  const std::string percent = cat({" (", signed_percent_text(change, 0), ")"});
  if (std::abs(change) <= 0.02) return "about the same" + percent;
  return cat({times_text(std::max(value, base) / std::min(value, base)), " ",
              change < 0 ? less : more, percent});
}

Decision decide(const Study& study) {
  const bool any_ran = std::any_of(study.trials.begin(), study.trials.end(), ran);
  const Trial* pick = picked(study, "recommended");
  if (!any_ran) return nothing_measured(study);
  if (!study.feasible) {
    pick = picked(study, "nearest");
    if (!pick) pick = &*std::find_if(study.trials.begin(), study.trials.end(), ran);
    return infeasible(study, *pick);
  }
  if (!pick) {
    return nothing_let_through(study);
  }
  const bool failed_check = study.verification.done && !study.verification.held();
  Decision out{.headline = headline(study, *pick), .mood = failed_check ? Mood::bad : Mood::good};
  out.numbers = {cost_number(study, *pick), latency_number(study, *pick),
                 quality_number(study, *pick), verification_number(study.verification)};
  out.sentences = {cat({"The config: ", config_text(study, *pick), "."}),
                   limits_sentence(study, *pick), verification_sentence(study),
                   run_sentence(study)};
  out.command = "serve deploy.json";
  return out;
}

}  // namespace paretune
