// A study as JSON text and back: what the store keeps of it, so that it can be shown, picked from
// and gone on with without measuring.
//
// Kept is what was measured, decided by chance or by the clock, and of a trial's violations those
// that judging its measurement does not find (it failed when it was run again). What follows from
// that (objectives, violated limits, the front, the picks but for the recommended one, the
// progress) is judged anew when a study is read, by the rules of the build that reads it. Exact and
// strict as profiles/field_json.h; there is no reading of a build that kept other fields, and the
// message names the build that wrote.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "optimizer/study.h"

namespace paretune {

// What `tune` was told that a Study does not hold.
struct RunOptions {
  std::string workload_file;  // absolute
  std::string workload_text;  // of that file, as it was
  std::string out;            // where the reports go; absolute
  std::optional<double> kernel_seconds;

  bool operator==(const RunOptions&) const = default;
};

// A study on its way to the store and back.
struct StudyRecord {
  Study study;
  RunOptions options;
  bool finished = false;  // neither interrupted nor killed
  std::string saved_at;   // UTC, ISO 8601
};

std::string study_json(const Study& study, const RunOptions& options);  // all but the trials
std::string trial_json(const Trial& trial, const Workload& workload);

// Throws std::runtime_error naming `where` and the JSON path. finished and saved_at stay as they
// are born.
StudyRecord parse_study(std::string_view study, std::span<const std::string> trials,
                        const std::string& where);

}  // namespace paretune
