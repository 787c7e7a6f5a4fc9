// What `tune` prints while it works: a live status line on a terminal, a plain log elsewhere.
#pragma once

#include <cstdio>
#include <string>

#include "optimizer/study.h"
#include "optimizer/tuner.h"

namespace paretune {

class Console : public TuneObserver {
 public:
  // terminal: the output can redraw its last line. clock: for the time left.
  Console(std::FILE* out, bool terminal, Clock& clock, const Workload& workload);

  void phase(const std::string& what) override;
  void trial_begins(const Study& study, const DeployConfig& config) override;
  void trial_ended(const Study& study, const Trial& trial, bool from_store) override;

  // What is about to happen. seconds_per_trial: 0: not known yet.
  void plan(const Study& study, double seconds_per_trial);
  // folder: where the reports are; "": nowhere yet.
  void summary(const Study& study, const std::string& folder);

 private:
  void line(const std::string& text);    // stays
  void status(const std::string& text);  // replaced by the next line, on a terminal only
  std::string time_left(const Study& study) const;

  std::FILE* out_;
  bool terminal_;
  Clock& clock_;
  double begin_;
  double budget_s_;
  bool status_shown_ = false;
};

// The knobs in which a config differs from another, as "kv_cache=int8 max_batch_size=32"; "as
// the default" if none.
std::string differences(const DeployConfig& config, const DeployConfig& base);

}  // namespace paretune
