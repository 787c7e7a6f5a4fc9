// GGUF, llama.cpp's model file (versions 2 and 3, little-endian):
//   "GGUF", u32 version, u64 n_tensors, u64 n_pairs
//   n_pairs of { string key, u32 type, value }
//   n_tensors of { string name, u32 n_dims, u64 dims[n_dims] (fastest first), u32 type, u64 offset
//   } the tensors' bytes; they begin at, and each is padded to, general.alignment (default 32)
// A string is { u64 length, bytes }, an array { u32 type, u64 length, values }.
//
// Source: ggml/docs/gguf.md. Every count and size is checked against the bytes that remain before
// it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/model/weight_table.h"

namespace paretune {

// Integers of all widths are widened to 64 bits, floats to double.
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string,
                               std::vector<std::uint64_t>, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<bool>, std::vector<std::string>>;

// Type codes of metadata values.
namespace GgufType {
enum Code : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};
}

class Gguf {
 public:
  // Of the metadata, in the file's order: { key, type, value } as it lies there.
  struct Pair {
    std::string key;
    std::span<const std::byte> bytes;
  };

  // bytes must outlive the object; name is how errors call the file. Throws std::runtime_error.
  Gguf(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  const TensorMap& tensors() const { return tensors_; }
  const std::vector<Pair>& pairs() const { return pairs_; }

  // find_*: nullopt if the key is missing. Both throw std::runtime_error naming file, key, what was
  // found and what was expected when the value is of another type or out of range; get_* also when
  // the key is missing.
  std::optional<std::int64_t> find_int(std::string_view key) const;  // any integer type
  std::optional<double> find_float(std::string_view key) const;      // float or integer
  std::optional<bool> find_bool(std::string_view key) const;
  std::optional<std::string> find_string(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> find_ints(std::string_view key) const;
  std::optional<std::vector<double>> find_floats(std::string_view key) const;
  std::int64_t get_int(std::string_view key) const;
  double get_float(std::string_view key) const;
  std::string get_string(std::string_view key) const;
  // The vectors can be large (a vocabulary): by reference. nullptr: there is none.
  const std::vector<std::string>* find_strings(std::string_view key) const;

 private:
  const GgufValue* find(std::string_view key) const;
  [[noreturn]] void refuse(std::string_view key, const std::string& expected) const;

  std::string name_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  TensorMap tensors_;
  std::vector<Pair> pairs_;
};

}  // namespace paretune
