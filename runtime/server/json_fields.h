// The fields of a request's JSON body, each checked for its type and range as it is read. A field
// that is missing or null has its default; every refusal is a 400 that names the field.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace paretune {

class JsonFields {
 public:
  // object: must be a JSON object; kept by reference. path: of the object itself, "" for the body.
  JsonFields(const nlohmann::json& object, std::string path);

  // The value, or nullptr where the field is missing or null.
  const nlohmann::json* find(std::string_view name) const;

  double number(std::string_view name, double fallback, double least, double most) const;
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                      std::int64_t most) const;
  bool boolean(std::string_view name, bool fallback) const;
  std::optional<std::string> string(std::string_view name) const;

  std::string path_of(std::string_view name) const;

 private:
  const nlohmann::json& object_;
  std::string path_;
};

// The body as JSON: refuses what is not an object, is no JSON, or nests deeper than any request
// does.
nlohmann::json parse_body(std::string_view body);

[[noreturn]] void refuse(const std::string& param, const std::string& message);

// "path: expected what, found …", thrown.
[[noreturn]] void refuse_type(const std::string& param, std::string_view expected,
                              const nlohmann::json& found);

}  // namespace paretune
