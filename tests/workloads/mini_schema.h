// The part of JSON Schema (draft 2020-12) that workloads/workload.schema.json uses; another keyword
// is an error, so that nothing in the schema goes unread. For tests: it says whether a value is
// valid, not why.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>

namespace paretune {

class MiniSchema {
 public:
  explicit MiniSchema(nlohmann::json root) : root_(std::move(root)) {}

  bool valid(const nlohmann::json& value) const { return valid(root_, value); }

  // Every key of every object, as workload_keys() spells them.
  std::set<std::string> keys() const {
    std::set<std::string> result;
    list(root_, "$", result);
    return result;
  }

 private:
  using json = nlohmann::json;

  const json& resolved(const json& schema) const {
    if (!schema.contains("$ref")) return schema;
    return root_.at(json::json_pointer(schema.at("$ref").get<std::string>().substr(1)));
  }

  static bool has_type(const std::string& type, const json& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer")
      return value.is_number() && std::floor(value.get<double>()) == value.get<double>();
    if (type == "number") return value.is_number();
    throw std::runtime_error("mini_schema does not know the type " + type);
  }

  bool valid(const json& schema, const json& value) const {
    for (const auto& [keyword, rule] : schema.items())
      if (!keeps(schema, keyword, rule, value)) return false;
    return true;
  }

  bool keeps(const json& schema, const std::string& keyword, const json& rule,
             const json& value) const {
    static const std::set<std::string> kNotes{"$schema", "$id", "$defs", "title", "description"};
    if (kNotes.contains(keyword)) return true;
    if (keyword == "$ref") return valid(resolved(schema), value);
    if (keyword == "const") return value == rule;
    if (keyword == "enum") return std::find(rule.begin(), rule.end(), value) != rule.end();
    if (keyword == "oneOf")
      return std::count_if(rule.begin(), rule.end(),
                           [&](const json& s) { return valid(s, value); }) == 1;
    if (keyword == "type") {
      if (rule.is_string()) return has_type(rule, value);
      return std::any_of(rule.begin(), rule.end(),
                         [&](const json& t) { return has_type(t, value); });
    }
    if (keyword == "minimum") return !value.is_number() || value >= rule;
    if (keyword == "maximum") return !value.is_number() || value <= rule;
    if (keyword == "exclusiveMinimum") return !value.is_number() || value > rule;
    if (keyword == "minLength")
      return !value.is_string() || value.get_ref<const std::string&>().size() >= rule;
    if (keyword == "maxLength")
      return !value.is_string() || value.get_ref<const std::string&>().size() <= rule;
    if (keyword == "pattern")
      return !value.is_string() ||
             std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
    if (keyword == "minItems") return !value.is_array() || value.size() >= rule;
    if (keyword == "maxItems") return !value.is_array() || value.size() <= rule;
    if (keyword == "uniqueItems")
      return !value.is_array() || std::set<json>(value.begin(), value.end()).size() == value.size();
    if (keyword == "items")
      return !value.is_array() ||
             std::all_of(value.begin(), value.end(), [&](const json& v) { return valid(rule, v); });
    if (keyword == "minProperties") return !value.is_object() || value.size() >= rule;
    if (keyword == "required")
      return !value.is_object() || std::all_of(rule.begin(), rule.end(), [&](const json& key) {
        return value.contains(key.get<std::string>());
      });
    if (keyword == "properties") {
      for (const auto& [key, property] : rule.items())
        if (value.is_object() && value.contains(key) && !valid(property, value[key])) return false;
      return true;
    }
    if (keyword == "additionalProperties") {
      if (!value.is_object()) return true;
      for (const auto& [key, member] : value.items()) {
        if (schema.contains("properties") && schema["properties"].contains(key)) continue;
        if (rule == false || !valid(rule, member)) return false;
      }
      return true;
    }
    throw std::runtime_error("mini_schema does not know the keyword " + keyword);
  }

  void list(const json& schema, const std::string& path, std::set<std::string>& keys) const {
    const json& at = resolved(schema);
    if (at.contains("items")) list(at["items"], path + "[]", keys);
    if (at.contains("oneOf"))
      for (const json& option : at["oneOf"]) list(option, path, keys);
    const auto member = [&](const std::string& key, const json& property) {
      keys.insert(path + "." + key);
      list(property, path + "." + key, keys);
    };
    if (at.contains("properties"))
      for (const auto& [key, property] : at["properties"].items()) member(key, property);
    if (at.contains("additionalProperties") && at["additionalProperties"].is_object())
      member("*", at["additionalProperties"]);
  }

  json root_;
};

}  // namespace paretune
