// Reads little-endian values off the front of untrusted bytes; every read is checked against what
// remains.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace paretune {

static_assert(std::endian::native == std::endian::little, "model files are little-endian");

// nullopt on overflow.
inline std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// A name out of a file as it may stand in a message: quoted, shortened, unprintable bytes as '?'.
std::string in_quotes(std::string_view name);

class ByteReader {
 public:
  // name is how errors call the file.
  ByteReader(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

  template <class T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> take(std::uint64_t n, std::string_view what) {
    if (n > remaining()) {
      fail(std::string(what) + " needs " + std::to_string(n) + " bytes, but " +
           std::to_string(remaining()) + " remain");
    }
    const auto taken = bytes_.subspan(position_, n);
    position_ += n;
    return taken;
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw std::runtime_error(name_ + ": at byte " + std::to_string(position_) + ": " + problem);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string name_;
  std::size_t position_ = 0;
};

}  // namespace paretune
