// As much of JSON Schema 2020-12 as our schemas use, made stricter: an object of named properties
// has exactly those, but for what its "required" leaves out.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace paretune {

inline std::string schema_error(const nlohmann::json& root, const nlohmann::json& schema,
                                const nlohmann::json& value, const std::string& at = "$") {
  using nlohmann::json;
  if (schema.contains("$ref")) {
    const std::string ref = schema["$ref"];
    return schema_error(root, root.at(json::json_pointer(ref.substr(1))), value, at);
  }
  if (schema.contains("anyOf")) {
    std::string error;
    for (const json& choice : schema["anyOf"]) {
      error = schema_error(root, choice, value, at);
      if (error.empty()) return "";
    }
    return error;
  }
  if (schema.contains("const") && value != schema["const"]) return at + ": not the constant";
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
    return at + ": not among the values: " + value.dump();
  }
  if (schema.contains("type")) {
    const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
    const auto is = [&](const std::string& type) {
      return (type == "null" && value.is_null()) || (type == "boolean" && value.is_boolean()) ||
             (type == "integer" && value.is_number_integer()) ||
             (type == "number" && value.is_number()) || (type == "string" && value.is_string()) ||
             (type == "array" && value.is_array()) || (type == "object" && value.is_object());
    };
    if (std::none_of(types.begin(), types.end(), is))
      return at + ": " + value.type_name() + " is not " + types.dump();
  }
  if (schema.contains("minimum") && value.is_number() && value < schema["minimum"])
    return at + ": below the minimum";
  if (value.is_array() && schema.contains("items")) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto error =
          schema_error(root, schema["items"], value[i], at + "[" + std::to_string(i) + "]");
      if (!error.empty()) return error;
    }
  }
  if (!value.is_object() ||
      !(schema.contains("properties") || schema.contains("additionalProperties")))
    return "";
  const json properties = schema.value("properties", json::object());
  for (const auto& [key, inner] : properties.items()) {
    const bool needed = !schema.contains("required") ||
                        std::find(schema["required"].begin(), schema["required"].end(), key) !=
                            schema["required"].end();
    if (needed && !value.contains(key)) return at + "." + key + ": missing";
  }
  for (const auto& [key, inner] : value.items()) {
    const json& others = schema.at("additionalProperties");
    if (!properties.contains(key) && others == false) return at + "." + key + ": not in the schema";
    if (!properties.contains(key) && others == true) continue;
    const auto error = schema_error(root, properties.contains(key) ? properties[key] : others,
                                    inner, at + "." + key);
    if (!error.empty()) return error;
  }
  return "";
}

}  // namespace paretune
