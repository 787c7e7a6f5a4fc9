#include "optimizer/study_store.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "optimizer/study_lock.h"

namespace paretune {
namespace {

constexpr std::size_t kListed = 10;  // studies that an error names

StudyRecord load(const Store& store, const std::string& id) {
  const auto texts = store.find_study(id);
  if (!texts) throw std::runtime_error(store.file().string() + ": study " + id + " is gone");
  StudyRecord record = parse_study(texts->row.json, texts->trials,
                                   store.file().string() + ": study " + id.substr(0, 8));
  record.finished = texts->row.finished;
  record.saved_at = texts->row.saved_at;
  return record;
}

std::string listed(const std::vector<StudyRow>& rows) {
  std::string all;
  for (std::size_t i = 0; i < std::min(kListed, rows.size()); ++i)
    all += (i ? ", " : "") + rows[i].id.substr(0, 8) + " (" + rows[i].workload + ")";
  return all + (rows.size() > kListed ? ", …" : "");
}

}  // namespace

StudyRecorder::StudyRecorder(Store& store, Clock& clock, RunOptions options, TuneObserver& next)
    : store_(store), clock_(clock), options_(std::move(options)), next_(next) {}

void StudyRecorder::begin(const Study& planned) {
  started_at_ = clock_.utc();
  const std::vector<StudyRow> rows = store_.studies();
  const auto earlier = std::ranges::find(rows, planned.id, &StudyRow::id);
  if (earlier != rows.end()) earlier_ = *earlier;
  if (!earlier_) put(planned, false, 0);
}

void StudyRecorder::end(const Study& study, bool finished) {
  const int trials = static_cast<int>(study.trials.size());
  if (!finished && earlier_ && trials <= earlier_->trials && written_ == 0) return;
  put(study, finished, 0);
}

void StudyRecorder::phase(const std::string& what) { next_.phase(what); }

void StudyRecorder::trial_begins(const Study& study, const DeployConfig& config) {
  next_.trial_begins(study, config);
}

void StudyRecorder::trial_ended(const Study& study, const Trial& trial, bool from_store) {
  if (!earlier_ || static_cast<int>(study.trials.size()) > earlier_->trials)
    put(study, false, written_);
  next_.trial_ended(study, trial, from_store);
}

void StudyRecorder::put(const Study& study, bool finished, int kept) {
  std::vector<std::string> trials;
  for (std::size_t i = static_cast<std::size_t>(kept); i < study.trials.size(); ++i)
    trials.push_back(trial_json(study.trials[i], study.workload));
  store_.put_study({.id = study.id,
                    .workload = study.workload.name,
                    .model = study.model_path,
                    .started_at = study.started_at.empty() ? started_at_ : study.started_at,
                    .saved_at = clock_.utc(),
                    .finished = finished,
                    .trials = static_cast<int>(study.trials.size()),
                    .json = study_json(study, options_)},
                   kept, trials);
  written_ = static_cast<int>(study.trials.size());
}

std::string folder_name(std::string workload) {
  for (char& c : workload) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '-';
  }
  return workload;
}

StudyRecord find_study(const Store& store, const std::string& name) {
  const std::vector<StudyRow> rows = store.studies();
  if (rows.empty())
    throw std::runtime_error(store.file().string() +
                             ": holds no study; run one: tune WORKLOAD.json");
  std::vector<StudyRow> matches;
  for (const StudyRow& row : rows) {
    if (!name.empty() && row.id.starts_with(name)) matches.push_back(row);
  }
  if (matches.size() > 1)
    throw std::runtime_error("study \"" + name + "\": several ids begin so: " + listed(matches));
  if (matches.empty()) {
    const auto newest = std::ranges::find_if(rows, [&](const StudyRow& row) {
      return row.workload == name || folder_name(row.workload) == name;
    });
    if (newest == rows.end())
      throw std::runtime_error("study \"" + name +
                               "\" is not in the store; allowed: the beginning of an id or a "
                               "workload's name: " +
                               listed(rows));
    matches.push_back(*newest);
  }
  return load(store, matches.front().id);
}

StudyRecord newest_unfinished(const Store& store) {
  for (const StudyRow& row : store.studies()) {
    if (!row.finished && !study_holder(store.file(), row.id)) return load(store, row.id);
  }
  throw std::runtime_error(store.file().string() +
                           ": every study in it is finished or being run; name one to run it "
                           "again: tune resume STUDY");
}

}  // namespace paretune
