#include "reports/report.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "reports/text.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, std::string_view doing, int error) {
  throw std::runtime_error(
      cat({file.string(), ": cannot ", doing, ": ", std::generic_category().message(error),
           "; choose a writable folder with free space"}));
}

// Removes the temporary file unless it was renamed into its place.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path)
      : path_(std::move(path)),
        file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (file_ < 0) fail(path_, "create the file", errno);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (file_ >= 0) ::close(file_);
    if (!kept_) ::unlink(path_.c_str());
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(file_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path_, "write the file", errno);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(file_) != 0 && errno != EINVAL)
      fail(path_, "flush the file", errno);  // EINVAL: not a disk file
    const int closed = ::close(file_);
    file_ = -1;
    if (closed != 0) fail(path_, "close the file", errno);  // where NFS tells of a full disk
  }

  void rename_to(const fs::path& place) {
    if (::rename(path_.c_str(), place.c_str()) != 0)
      fail(place, "put the file in its place", errno);
    kept_ = true;
  }

 private:
  fs::path path_;
  int file_;
  bool kept_ = false;
};

}  // namespace

void write_whole(const fs::path& place, std::string_view text) {
  // Two studies may write into one folder at once: the process id keeps their files apart.
  TemporaryFile file(place.parent_path() / cat({".", place.filename().string(), ".",
                                                std::to_string(::getpid()), ".tmp"}));
  file.write(text);
  file.rename_to(place);
}

std::vector<fs::path> write_reports(const Study& study, const fs::path& folder) {
  std::vector<std::string_view> names;
  for (const Report& report : kReports) names.push_back(report.name);
  return write_reports(study, folder, names);
}

std::vector<fs::path> write_reports(const Study& study, const fs::path& folder,
                                    std::span<const std::string_view> names) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "make the folder", error.value());
  std::vector<fs::path> written;
  for (const Report& report : kReports) {
    if (std::ranges::find(names, report.name) == names.end()) continue;
    const fs::path place = folder / report.file_name;
    const std::string text = report.write(study);
    if (text.empty()) {
      fs::remove(place, error);
      if (error) fail(place, "remove the outdated file", error.value());
      continue;
    }
    write_whole(place, text);
    written.push_back(place);
  }
  return written;
}

}  // namespace paretune
