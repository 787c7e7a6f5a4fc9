// A file as read-only memory. The size is taken once, when the file is opened: every later check is
// against it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace paretune {

class MappedFile {
 public:
  // Throws std::runtime_error if the file is missing, empty, not a regular file or not readable.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  void populate() const;  // maps all pages at once, where the kernel can: faster than one by one
  void release_pages() const;  // they are read from the file again when touched
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace paretune
