// A file that appears whole under its name, or not at all.
#pragma once

#include <filesystem>
#include <fstream>

namespace paretune {

class PartFile {
 public:
  // Beside `to`, under a name of its own. Throws std::runtime_error where it cannot be made.
  explicit PartFile(const std::filesystem::path& to);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::ofstream& stream() { return out_; }
  void finish();  // gives it its name; throws std::runtime_error where not all was written

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path to_, part_;
  std::ofstream out_;
  bool finished_ = false;
};

}  // namespace paretune
