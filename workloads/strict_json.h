// JSON from outside, read strictly: every refusal names the file, the JSON path, what was found and
// what is allowed. For this folder's .cpp files: nlohmann-json stays behind this door.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace paretune {

struct JsonLimits {
  std::size_t bytes = 16 << 20;
  int depth = 32;
};

// A closed range, or one open below; and its words: "an integer from 1 to 64", "a number > 0".
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool open_min = false;
  bool contains(double x) const { return (open_min ? x > min : x >= min) && x <= max; }
  std::string words(std::string_view kind) const;
};

// A value and where it lies. Cheap enough for files of megabytes, not for more.
class JsonPlace {
 public:
  // `value` must outlive the place.
  JsonPlace(const nlohmann::json& value, std::string file, std::string path = "$")
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& file() const { return file_; }

  // Throws std::runtime_error: "<file>: <path>: found <value>, allowed: <allowed>".
  [[noreturn]] void refuse(std::string_view allowed) const { refuse(found(), allowed); }
  [[noreturn]] void refuse(std::string_view found, std::string_view allowed) const;
  [[noreturn]] void refuse_missing(std::string_view key, std::string_view allowed) const;

  // A member of an object by key or one of its aliases (separated by spaces); null: absent. Twice
  // is refused.
  const nlohmann::json* find(std::string_view key, std::string_view aliases = "") const;
  JsonPlace at(std::string_view key, std::string_view aliases = "") const;  // must be there
  JsonPlace at(std::size_t index) const;
  JsonPlace key(std::string_view key) const;  // where a member would lie, for messages

  void expect_object() const;
  // An object with no key beyond `known` and `aliases`; `known` is what the message lists, with the
  // nearest first.
  void expect_keys(const std::vector<std::string>& known,
                   const std::vector<std::string>& aliases = {}) const;
  std::size_t expect_array(std::size_t min_size, std::size_t max_size) const;

  double number(const Range& range) const;
  std::int64_t integer(const Range& range) const;
  std::uint64_t uint64() const;
  bool boolean() const;
  // min_size to max_size bytes, without control characters unless `multiline`.
  std::string string(std::size_t min_size, std::size_t max_size, bool multiline = false) const;
  // One of the names; the message has the list and the nearest.
  std::size_t one_of(const std::vector<std::string_view>& names) const;

 private:
  std::string found() const;

  const nlohmann::json* value_;
  std::string file_;
  std::string path_;
};

// Throws std::runtime_error with line and column for bad syntax, and for duplicate keys, too many
// bytes or levels. `where` opens the message: a file, or a file and a line.
nlohmann::json parse_strict_json(std::string_view text, const std::string& where,
                                 const JsonLimits& limits = {});

// The row of a catalog (an array of pointers to rows) that the place names.
template <class Catalog>
auto row_named(const JsonPlace& place, const Catalog& catalog) {
  std::vector<std::string_view> names;
  for (const auto* row : catalog) names.push_back(row->name);
  return catalog[place.one_of(names)];
}

// "a b c" as its words, which are views of `text`.
std::vector<std::string_view> words(std::string_view text);
std::vector<std::string_view> words(std::string&& text) = delete;
bool has_word(std::string_view text, std::string_view word);

}  // namespace paretune
