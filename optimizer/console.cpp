#include "optimizer/console.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>

#include "optimizer/drift.h"
#include "optimizer/prediction_accuracy.h"
#include "runtime/deployment.h"

namespace paretune {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

std::string duration(double seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 90) return format("%.0f s", seconds);
  if (seconds < 600) return format("%.1f min", seconds / 60);
  if (seconds < 5400) return format("%.0f min", seconds / 60);
  return format("%.1f h", seconds / 3600);
}

std::string objectives_text(const Trial& trial, const std::string& latency_objective) {
  if (trial.measurement.outcome != Outcome::ok) {
    return std::string(outcome_name(trial.measurement.outcome)) + ": " + trial.measurement.detail;
  }
  return format("$%.4g/M tokens, %s %.3g, KL %.2g", trial.objectives.usd_per_million_output_tokens,
                latency_objective.c_str(), trial.objectives.latency_ms,
                trial.objectives.kl_divergence);
}

std::string count(double n) {
  if (n < 1e6) return format("%.0f", n);
  return format("%.3g million", n / 1e6);
}

}  // namespace

std::string differences(const DeployConfig& config, const DeployConfig& base) {
  std::string all;
  for_each_knob([&](const auto& knob) {
    if (config.*knob.field == base.*knob.field) return;
    all += (all.empty() ? "" : " ") + std::string(knob.name) + "=" + knob_text(config, knob.name);
  });
  return all.empty() ? "as the default" : all;
}

Console::Console(std::FILE* out, bool terminal, Clock& clock, const Workload& workload)
    : out_(out),
      terminal_(terminal),
      clock_(clock),
      begin_(clock.now()),
      budget_s_(60 * workload.budget.minutes) {}

void Console::line(const std::string& text) {
  if (status_shown_) std::fputs("\r\x1b[K", out_);
  status_shown_ = false;
  std::fputs((text + "\n").c_str(), out_);
  std::fflush(out_);
}

void Console::status(const std::string& text) {
  if (!terminal_) return;
  std::fputs(("\r\x1b[K" + text.substr(0, 160)).c_str(), out_);
  std::fflush(out_);
  status_shown_ = true;
}

std::string Console::time_left(const Study& study) const {
  return duration(budget_s_ - study.seconds) + " left";
}

void Console::phase(const std::string& what) { line(what + " …"); }

void Console::trial_begins(const Study& study, const DeployConfig& config) {
  const std::string base =
      study.trials.empty() ? "the default" : differences(config, study.trials.front().config);
  status(format("[%s, front of %zu] trial %zu: ", time_left(study).c_str(), study.front.size(),
                study.trials.size()) +
         base);
}

void Console::trial_ended(const Study& study, const Trial& trial, bool from_store) {
  std::string mark = trial.on_front ? "*" : " ";
  std::string why;
  if (!trial.violations.empty()) why = "  misses " + trial.violations.front();
  line(format("%s trial %-3d %s%s", mark.c_str(), trial.id,
              objectives_text(trial, study.latency_objective).c_str(), why.c_str()) +
       (from_store ? "  (measured before)" : "") +
       (terminal_ ? "" : "  [" + time_left(study) + format(", front of %zu]", study.front.size())));
  line("            " + (trial.id == 0 ? "the default: what one would start with, untuned"
                                       : differences(trial.config, study.trials.front().config)));
}

void Console::plan(const Study& study, double seconds_per_trial) {
  const Workload& w = study.workload;
  line("workload   " + w.name + " (" + w.file.string() + ")");
  line("model      " + study.model_path +
       format(": %s, %.3g M parameters, stored as %s", study.model.architecture.c_str(),
              static_cast<double>(parameter_count(study.model)) / 1e6, study.model_format.c_str()));
  line("machine    " + study.machine.cpu +
       format(", %d cores, %.0f GiB, ", study.machine.cores,
              static_cast<double>(study.machine.memory_bytes) / (1u << 30)) +
       study.machine.isa);
  line("axes       cost ($/M output tokens), latency (" + study.latency_objective +
       "), quality (KL divergence)");
  std::string limits;
  for (const SloBound& bound : w.slo.bounds) {
    limits += (limits.empty() ? "" : ", ") + std::string(bound.metric->name) + " " +
              std::string(bound.percentile.name) + format(" <= %g", bound.max_ms);
  }
  line("limits     " + (limits.empty() ? "no SLO" : limits));
  for (const SpaceSize& size : study.space) {
    line(format("space      %s%s configs: %s (%s)", size.exact ? "" : "about ",
                count(size.configs).c_str(), size.after.c_str(), size.reason.c_str()));
  }
  const std::string each =
      seconds_per_trial > 0
          ? format("; %.1f s a trial last time, so about %.0f trials", seconds_per_trial,
                   std::max(1.0, budget_s_ / seconds_per_trial - 3))
          : "; how many trials fit is known after the first";
  line("budget     " + duration(budget_s_) +
       (w.budget.trials ? format(" or %d trials", *w.budget.trials) : "") + each);
  if (!study.effort.empty()) line("effort     " + study.effort);
}

void Console::summary(const Study& study, const std::string& folder) {
  line("");
  line(format("%zu trials in %s (%d measured before); stopped: %s", study.trials.size(),
              duration(study.seconds).c_str(), study.resumed_trials, study.stop_reason.c_str()));
  if (study.regret) line(regret_text(study));
  if (study.certified) line(certified_text(study));
  if (const std::string drift = drift_text(study); !drift.empty()) line("drift      " + drift);
  if (study.trials.empty()) return;
  line(study.feasible ? "front, by cost:"
                      : "no config meets every limit; the front of those that ran, by cost:");
  const auto show = [&](int id) {
    const Trial& trial = trial_of(study, id);
    std::string names;
    for (const Pick& pick : study.picks) {
      if (pick.trial == id) names += (names.empty() ? "  <- " : ", ") + pick.name;
    }
    std::string ties;
    for (const TieGroup& group : study.ties) {
      if (group.trial != id) continue;
      for (const int other : group.with)
        ties += (ties.empty() ? "  ties with " : ", ") + std::to_string(other);
    }
    line(format("  trial %-3d ", id) + objectives_text(trial, study.latency_objective) + ties +
         (study.feasible && !trial.searched ? "  (not measured again)" : "") + names);
  };
  for (const int id : study.front) show(id);
  // What held when it was measured again may lie behind what was measured once, and luckily.
  std::vector<int> behind;
  for (const Pick& pick : study.picks) {
    const bool listed = std::ranges::find(study.front, pick.trial) != study.front.end() ||
                        std::ranges::find(behind, pick.trial) != behind.end();
    if (study.feasible && !listed) behind.push_back(pick.trial);
  }
  if (!behind.empty()) line("picks that are not on it:");
  for (const int id : behind) show(id);
  for (const LimitPrice& price : study.prices) {
    if (price.saving > 0.005 || price.makes_feasible)
      line("limit      " + price.limit + ", looser: " + price.relaxed +
           (price.makes_feasible ? " would make trial " + std::to_string(price.trial) + " feasible"
                                 : format(" saves at least %.0f %% of the cost (trial %d)",
                                          100 * price.saving, price.trial)));
  }
  if (!study.feasible) {
    line("binding    " + study.binding_constraint);
    for (const Pick& pick : study.picks)
      line(pick.name + format(": trial %d, ", pick.trial) + pick.reason);
  }
  if (has_predictions(study)) {
    line("cost model " + study.cost_model);
    for (const PredictedMetric& metric : kPredictedMetrics) {
      const PredictionError e = prediction_error(study, metric);
      if (e.configs < 2) continue;
      line(
          format("  %-32s predicted before %d trials ran: off by %.0f %% (median), rank "
                 "correlation %.2f",
                 std::string(title_of(metric, study)).c_str(), e.configs, 100 * e.median,
                 e.rank_correlation));
    }
  }
  line("verified   " + study.verification.verdict);
  for (const VerifiedMetric& metric : study.verification.metrics) {
    line(format("  %-32s promised %-12.5g verified %-12.5g difference %+.1f %%",
                metric.name.c_str(), metric.promised, metric.verified, 100 * metric.difference()));
  }
  if (folder.empty()) return;
  line("reports    " + folder + "/report.html, report.md, front.json, front.csv");
  if (study.find_pick("recommended")) line("next       ./dev serve " + folder + "/deploy.json");
}

}  // namespace paretune
