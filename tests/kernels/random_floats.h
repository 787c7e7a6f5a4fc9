// Reproducible numbers and the walk over catalogs that kernel tests share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "kernels/isa.h"

namespace paretune {

// Uniform in [-1, 1).
inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(double(rng() >> 11) * 0x1p-52 - 1);
  return values;
}

// Bytes that start at a multiple of 64, with guard bytes on both sides.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::size_t size) : size_(size), bytes_(size + 64 + 2 * kGuard, kMark) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data()) + kGuard;
    begin_ = kGuard + (64 - address % 64) % 64;
  }
  std::byte* data() { return bytes_.data() + begin_; }
  std::size_t size() const { return size_; }
  bool intact() const {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      if ((i < begin_ || i >= begin_ + size_) && bytes_[i] != kMark) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 256;
  static constexpr std::byte kMark{0xa5};
  std::size_t size_, begin_;
  std::vector<std::byte> bytes_;
};

}  // namespace paretune
