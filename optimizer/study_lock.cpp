#include "optimizer/study_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "profiles/digest.h"

namespace paretune {
namespace {

std::string lock_file(const std::filesystem::path& store) { return store.string() + ".lock"; }

// The study's byte; two studies share one with a chance of 2^-60.
struct flock byte_of(const std::string& study) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start =
      static_cast<off_t>(std::strtoull(digest({study}).substr(0, 15).c_str(), nullptr, 16));
  lock.l_len = 1;
  return lock;
}

}  // namespace

StudyLock::StudyLock(const std::filesystem::path& store, const std::string& study)
    : file_(::open(lock_file(store).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (file_ < 0)
    throw std::runtime_error(lock_file(store) + ": cannot be opened: " + std::strerror(errno) +
                             "; change that, or name another store");
  struct flock lock = byte_of(study);
  if (::fcntl(file_, F_SETLK, &lock) == 0) return;
  const int error = errno;
  std::string message = lock_file(store) + ": cannot be locked: " + std::strerror(error);
  if (error == EACCES || error == EAGAIN) {
    lock = byte_of(study);
    const bool seen = ::fcntl(file_, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    message = "study " + study.substr(0, 8) + " is being run by " +
              (seen && lock.l_pid > 0 ? "process " + std::to_string(lock.l_pid)
                                      : std::string("another process")) +
              "; wait for it, or stop it (what it has measured is kept)";
  }
  ::close(file_);
  throw std::runtime_error(message);
}

StudyLock::~StudyLock() { ::close(file_); }

std::optional<int> study_holder(const std::filesystem::path& store, const std::string& study) {
  const int file = ::open(lock_file(store).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  struct flock lock = byte_of(study);
  const bool held = ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(file);
  if (!held) return std::nullopt;
  return std::max(0, static_cast<int>(lock.l_pid));
}

}  // namespace paretune
