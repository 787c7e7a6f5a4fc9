// JSON from outside: parsed with a bounded depth and without duplicate keys, read by key with
// errors that name the file and the key. For .cpp files only: the JSON library is not part of any
// interface.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace paretune {

// Throws std::runtime_error "<file>: ..." unless text is one JSON object.
nlohmann::json parse_json_object(std::string_view text, const std::string& file);

// Reads an object's keys. A key that holds null counts as missing, as in transformers.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& object, std::string file)
      : object_(object), file_(std::move(file)) {}

  // Throw std::runtime_error if the value is of another type or out of range; get_* also if it is
  // missing.
  std::optional<int> find_int(const char* key) const;  // 0 to 2^31 - 1
  std::optional<double> find_float(const char* key) const;
  std::optional<bool> find_bool(const char* key) const;
  std::optional<std::string> find_string(const char* key) const;
  int get_int(const char* key) const;
  double get_float(const char* key) const;
  std::string get_string(const char* key) const;

  const nlohmann::json* find(const char* key) const;  // nullptr: missing or null
  const std::string& file() const { return file_; }
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  [[noreturn]] void refuse(const char* key, const std::string& expected) const;

  const nlohmann::json& object_;
  std::string file_;
};

}  // namespace paretune
