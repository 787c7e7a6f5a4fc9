// Pieces of a GGUF file (gguf.h), as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace paretune {

// Little-endian numbers and strings, one after the other.
class GgufBytes {
 public:
  template <class T>
  void number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(std::string_view text);
  void bytes(std::span<const std::byte> more);
  void pad_to(std::size_t size) { text_.resize(size); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Metadata: { key, type, value } each.
class GgufPairs {
 public:
  void put(std::string_view key, std::string_view value);
  void put(std::string_view key, std::uint32_t value);
  void put(std::string_view key, float value);
  void put_bool(std::string_view key, bool value);
  void put(std::string_view key, std::span<const std::string> values);
  void put(std::string_view key, std::span<const float> values);
  void put(std::string_view key, std::span<const int> values);
  // A pair as another file has it, key and all.
  void copy(std::span<const std::byte> pair);

  std::uint64_t count() const { return count_; }
  const std::string& text() const { return bytes_.text(); }

 private:
  void begin(std::string_view key, std::uint32_t type);
  void begin_array(std::string_view key, std::uint32_t type, std::size_t length);

  GgufBytes bytes_;
  std::uint64_t count_ = 0;
};

}  // namespace paretune
