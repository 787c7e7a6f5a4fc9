// One process at a time runs a study. Who measures anew what another measures at the same moment
// disturbs it and learns nothing.
//
// A byte of the file "<store>.lock" for each study, locked by fcntl: the kernel lets go of it when
// the process ends, however it ends, and tells who holds it. Such a lock also goes when the process
// closes the file anywhere, so a process that holds one must not ask for holders.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace paretune {

class StudyLock {
 public:
  // Throws std::runtime_error naming the process that holds it, or why the file cannot be used.
  StudyLock(const std::filesystem::path& store, const std::string& study);
  ~StudyLock();
  StudyLock(const StudyLock&) = delete;
  StudyLock& operator=(const StudyLock&) = delete;

 private:
  int file_;
};

// The process that runs the study now; nullopt: none does. 0: one that cannot be seen from here.
std::optional<int> study_holder(const std::filesystem::path& store, const std::string& study);

}  // namespace paretune
