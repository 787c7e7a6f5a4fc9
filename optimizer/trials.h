// The trials of a study as they run: each is measured, judged and kept in it, and its time counted.
#pragma once

#include <cstdint>
#include <set>

#include "optimizer/prior.h"
#include "optimizer/study.h"
#include "optimizer/tuner.h"
#include "profiles/profiler.h"

namespace paretune {

// A key: the same for configs whose quality is the same (quality_signature).
std::uint64_t quality_of(const DeployConfig& config);

// What a trial's config takes when it is measured again under so many loads and no search
// (measure_speed_at); 0 where it has not run.
double fresh_run_seconds(const Trial& trial, const Workload& rated, int loads);

// Of the study's trials; 0 without any.
double mean_trial_seconds(const Study& study);

class Trials {
 public:
  // All outlive it. workload: the study's.
  Trials(Study& study, Workload workload, Profiler& profiler, Clock& clock, TuneObserver& observer);

  // Trials from here on get their predictions.
  void predict_by(Prior* prior) { prior_ = prior; }

  // False: interrupted.
  bool run(const DeployConfig& config);

  // The workload with its rate, which the first trial that runs sets where it names none.
  const Workload& rated() const { return rated_; }

  // Wall time, and that of the trials that an earlier run paid for.
  double spent() const { return clock_.now() - begin_ + earlier_; }
  double mean_seconds() const;
  // The mean of fresh_run_seconds over the trials so far.
  double fresh_seconds(int loads) const;
  // A config that takes far longer than others is no candidate; before any has run, the whole
  // budget is the limit.
  double timeout() const;
  // Of a trial, by those so far: quality that was measured before is not measured again. quality:
  // quality_of its config.
  double expected_seconds(std::uint64_t quality) const;

 private:
  struct Taken {
    double seconds = 0;
    int trials = 0;
    void add(double s) { seconds += s, ++trials; }
    double mean() const { return seconds / trials; }
  };

  Study& study_;
  Workload rated_;
  Profiler& profiler_;
  Clock& clock_;
  TuneObserver& observer_;
  Prior* prior_ = nullptr;
  double begin_;
  double earlier_ = 0;
  Taken ok_;                           // trials that ran
  Taken new_, known_;                  // trials whose quality was measured in them, or before
  std::set<std::uint64_t> qualities_;  // of the trials
};

}  // namespace paretune
