// Everything ever measured, in one SQLite file, so that nothing is measured twice and a killed
// study goes on.
//
//   measurement  one row for each trial: the parts of its key as text, and the measurement as JSON
//   blob         texts by key: qualities (shared by all deployments with the same quality knobs),
//   study records event        the log of a study's decisions, in order model_hash   content hash
//   of a model's files, valid as long as their size, times and inode stay
//
// The one door to SQLite. Every method is one transaction, committed when it returns: WAL with
// synchronous=FULL, so neither kill -9 nor a power cut loses it (a trial takes seconds, the fsync
// milliseconds). Any number of processes and threads may use one file, and threads one Store.
// Whatever SQLite reports throws std::runtime_error with the file and the remedy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// XXH3-128, 32 hex digits, of the parts with their lengths: {"ab", "c"} is not {"a", "bc"}.
std::string digest(std::initializer_list<std::string_view> parts);

class Store {
 public:
  // Opens the file, or creates it and its folders. Throws where it is damaged, of another program,
  // of a newer Paretune, not writable, or locked by others for longer than busy_timeout_ms (as
  // every method does).
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

  // A study's log: events come back in the order in which they were appended.
  void append_event(std::string_view study_id, std::string_view json);
  std::vector<std::string> events(std::string_view study_id) const;

  // source.content_hash(), reading the files only if they changed since they were last read.
  std::string model_hash(const ModelSource& source);

  const std::filesystem::path& file() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paretune
