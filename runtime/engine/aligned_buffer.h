// Memory for packed weights and kernel scratch: aligned to cache lines, in huge pages where the
// kernel grants them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace paretune {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Uninitialized. Throws std::bad_alloc.
  explicit AlignedBuffer(std::size_t bytes) : bytes_(bytes) {
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    const std::size_t alignment = bytes >= kHugePage ? kHugePage : 64;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    if (rounded == 0) return;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
    if (!memory_) throw std::bad_alloc();
    if (alignment == kHugePage) madvise(memory_.get(), rounded, MADV_HUGEPAGE);
  }

  std::byte* data() const { return memory_.get(); }
  std::size_t size() const { return bytes_; }
  std::span<std::byte> bytes() const { return {memory_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::size_t bytes_ = 0;
  std::unique_ptr<std::byte, Free> memory_;
};

}  // namespace paretune
