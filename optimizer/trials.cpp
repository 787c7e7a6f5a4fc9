#include "optimizer/trials.h"

#include <algorithm>
#include <string>

#include "optimizer/drift.h"
#include "optimizer/judge.h"
#include "profiles/load_run.h"
#include "profiles/quality.h"
#include "profiles/speed.h"

namespace paretune {
namespace {

constexpr double kSpeedShare = 0.7;  // of a trial's time, the runs under load; until trials tell
// What a trial's process needs beside loading and its runs, as so many canaries' time; two of them
// are canaries.
constexpr double kStartCanaries = 5;

}  // namespace

std::uint64_t quality_of(const DeployConfig& config) {
  return std::hash<std::string>{}(quality_signature(config));
}

Trials::Trials(Study& study, Workload workload, Profiler& profiler, Clock& clock,
               TuneObserver& observer)
    : study_(study),
      rated_(std::move(workload)),
      profiler_(profiler),
      clock_(clock),
      observer_(observer),
      begin_(clock.now()) {}

bool Trials::run(const DeployConfig& config) {
  observer_.trial_begins(study_, config);
  const Profiled profiled = profiler_.measure(config, rated_, study_.workload.seed, timeout());
  if (profiled.interrupted) return false;
  Trial trial{.id = static_cast<int>(study_.trials.size()),
              .config = config,
              .measurement = profiled.measurement};
  judge_trial(trial, rated_);
  const Measurement& m = trial.measurement;
  const Trial& base = study_.trials.empty() ? trial : study_.trials.front();
  trial.slowdown = slowdown(m.speed.canary_s, base.measurement.speed.canary_s);
  if (profiled.from_store) {
    ++study_.resumed_trials;
    earlier_ += m.seconds;
  }
  if (m.outcome == Outcome::ok) {
    ok_.add(m.seconds);
    if (!workload_level(rated_)) rated_.arrival.rate_qps = m.speed.at_workload.offered_rate;
  }
  const bool is_new = qualities_.insert(quality_of(config)).second;
  (is_new ? new_ : known_).add(std::max(m.seconds, 1e-3));
  if (prior_) trial.predicted = prior_->predict(config, rated_);
  study_.trials.push_back(std::move(trial));
  study_.seconds = spent();
  conclude(study_);
  observer_.trial_ended(study_, study_.trials.back(), profiled.from_store);
  return true;
}

double Trials::mean_seconds() const { return mean_trial_seconds(study_); }

double mean_trial_seconds(const Study& study) {
  double sum = 0;
  for (const Trial& trial : study.trials) sum += trial.measurement.seconds;
  return study.trials.empty() ? 0 : sum / static_cast<double>(study.trials.size());
}

double fresh_run_seconds(const Trial& trial, const Workload& rated, int loads) {
  const Speed& speed = trial.measurement.speed;
  const LoadRun& run = speed.at_max_rate;
  if (trial.measurement.outcome != Outcome::ok || run.requests == 0) return 0;
  return speed.load_s + kStartCanaries * speed.canary_s +
         loads * run.seconds * counted_requests(rated, run.offered_rate) / run.requests;
}

double Trials::fresh_seconds(int loads) const {
  double sum = 0;
  int n = 0;
  for (const Trial& trial : study_.trials) {
    if (const double seconds = fresh_run_seconds(trial, rated_, loads); seconds > 0)
      sum += seconds, ++n;
  }
  return n == 0 ? 0 : sum / n;
}

double Trials::timeout() const {
  const double budget = std::max(60.0, 60 * study_.workload.budget.minutes);
  return ok_.trials == 0 ? budget : std::clamp(4 * ok_.mean(), 20.0, budget);
}

double Trials::expected_seconds(std::uint64_t quality) const {
  const bool known = qualities_.contains(quality);
  const Taken& alike = known ? known_ : new_;
  const Taken& other = known ? new_ : known_;
  if (alike.trials > 0) return alike.mean();
  if (other.trials == 0) return 1;
  return (known ? kSpeedShare : 1 / kSpeedShare) * other.mean();
}

}  // namespace paretune
