// Studies in the store: kept while they run, found again by what a user calls them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/study_json.h"
#include "optimizer/tuner.h"
#include "profiles/clock.h"
#include "profiles/store.h"

namespace paretune {

// Keeps the study after every trial, each time in one transaction, and hands on what it is told.
//
// A study that runs again begins at its first trial, with measurements from the store. So that a
// run that ends early loses nothing of a longer one before it, a record is replaced only by one
// that has finished or that holds more.
class StudyRecorder : public TuneObserver {
 public:
  StudyRecorder(Store& store, Clock& clock, RunOptions options, TuneObserver& next);

  void begin(const Study& planned);
  void end(const Study& study, bool finished);

  void phase(const std::string& what) override;
  void trial_begins(const Study& study, const DeployConfig& config) override;
  void trial_ended(const Study& study, const Trial& trial, bool from_store) override;

 private:
  void put(const Study& study, bool finished, int kept);

  Store& store_;
  Clock& clock_;
  RunOptions options_;
  TuneObserver& next_;
  std::string started_at_;
  std::optional<StudyRow> earlier_;  // what an earlier run left, until this one replaces it
  int written_ = 0;                  // trials of this run that are in the store
};

// A workload's name as the folder of its results is called: "demo chat" as "demo-chat".
std::string folder_name(std::string workload);

// name: the beginning of an id that no other study shares, or a workload's name (or its
// folder_name) for the newest study of it. Throws std::runtime_error with the studies that there
// are.
StudyRecord find_study(const Store& store, const std::string& name);

// The newest that was neither finished nor is being run now. Throws std::runtime_error where there
// is none.
StudyRecord newest_unfinished(const Store& store);

}  // namespace paretune
