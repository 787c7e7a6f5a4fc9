// Everything ever measured, in one SQLite file, so that nothing is measured twice and a killed
// study goes on.
//
//   measurement  one row a trial: the parts of its key as text, the measurement as JSON
//   blob         texts by key: qualities, shared by all configs with the same quality knobs
//   operator_time  what an operator takes, by operator (shape, format, kernel, threads)
//   study        one row a study: what a list of studies shows, and the study but its trials as
//   JSON study_trial  its trials, one row each, so that a finished trial is written once model_hash
//   content hashes of models, valid while size, times and inode of their files stay
//
// The one door to SQLite. Every method is one transaction, committed when it returns: WAL with
// synchronous=FULL, so neither kill -9 nor a power cut loses it (a trial takes seconds, the fsync
// milliseconds). Any number of processes and threads may use one file, and threads one Store; a
// forked child opens its own. Whatever SQLite reports throws std::runtime_error with the file and
// the remedy.
//
// A file of an older schema is brought to this one when it is opened, in one transaction; one of a
// newer schema is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profiles/digest.h"
#include "profiles/measurement.h"
#include "runtime/model/model_source.h"

namespace paretune {

// What a measurement depends on. Two keys are the same if all fields are.
struct TrialKey {
  std::string kind;      // what was measured: "speed", …
  std::string model;     // content hash
  std::string machine;   // fingerprint
  std::string config;    // canonical JSON
  std::string workload;  // canonical JSON of the parts that this kind reads
  std::string build;     // version and compiler
  std::uint64_t seed = 0;

  bool operator==(const TrialKey&) const = default;
  std::string digest() const;  // 32 hex digits
};

// What operators' times depend on beside the operator. The model: how cold weights are when they
// are read again depends on all of them.
struct OperatorScope {
  std::string model;    // content hash
  std::string machine;  // fingerprint
  std::string build;
};

// One operator's times (profiles/cost_model/operator_json.h) and how fast the machine was then.
struct OperatorRow {
  std::string op;
  std::vector<double> seconds;
  double canary_s = 0;  // that a canary took (profiles/canary.h)
  std::string measured_at;
};

// A study as it is kept (optimizer/study_store.h writes and reads it).
struct StudyRow {
  std::string id;
  std::string workload;    // its name
  std::string model;       // path
  std::string started_at;  // UTC, ISO 8601, as saved_at
  std::string saved_at;
  bool finished = false;
  int trials = 0;
  std::string json;  // all but the trials
};

class Store {
 public:
  // Opens the file, or creates it and its folders. Throws where it is damaged, of another program
  // or a newer Paretune, not writable, or locked for longer than busy_timeout_ms.
  explicit Store(const std::filesystem::path& file, int busy_timeout_ms = 10'000);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  // put of a key that is there replaces it. measured_at, as ISO 8601, is the measurement's.
  std::optional<Measurement> find(const TrialKey& key) const;
  void put(const TrialKey& key, const Measurement& measurement);

  // Texts by a key of the caller's: digest({...}).
  std::optional<std::string> find_blob(std::string_view key) const;
  void put_blob(std::string_view key, std::string_view text);
  using Blob = std::pair<std::string, std::string>;  // key, text
  void put_blobs(std::span<const Blob> blobs);       // all or none, much faster than one by one

  // put of an operator that is there replaces it.
  void put_operators(const OperatorScope& scope, std::span<const OperatorRow> rows);
  std::vector<OperatorRow> operators(const OperatorScope& scope) const;  // by op

  // row replaces that of its id; of the trials, the first `kept` stay as they are and `trials`
  // follow. row.trials is their number together.
  void put_study(const StudyRow& row, int kept, std::span<const std::string> trials);
  std::vector<StudyRow> studies() const;  // the newest first; without their JSON
  // With the trials as one moment saw both.
  struct StudyTexts {
    StudyRow row;
    std::vector<std::string> trials;
  };
  std::optional<StudyTexts> find_study(std::string_view id) const;

  // source.content_hash(), reading the files only if they changed since they were last read.
  std::string model_hash(const ModelSource& source);

  const std::filesystem::path& file() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paretune
