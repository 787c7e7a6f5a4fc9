#include "runtime/compression/part_file.h"

#include <unistd.h>

#include <stdexcept>
#include <string>

namespace paretune {

PartFile::PartFile(const std::filesystem::path& to)
    : to_(to),
      part_(to.string() + "." + std::to_string(getpid()) + ".part"),
      out_(part_, std::ios::binary) {
  if (!out_) fail();
}

PartFile::~PartFile() {
  std::error_code ignored;
  if (!finished_) std::filesystem::remove(part_, ignored);
}

void PartFile::finish() {
  out_.close();
  std::error_code error;
  if (out_) std::filesystem::rename(part_, to_, error);
  if (!out_ || error) fail();
  finished_ = true;
}

void PartFile::fail() const {
  throw std::runtime_error(to_.string() + ": cannot be written: check folder and disk space");
}

}  // namespace paretune
