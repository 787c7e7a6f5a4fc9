#include "runtime/model/json_text.h"

#include <limits>
#include <set>
#include <stdexcept>
#include <vector>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

constexpr int kMaxDepth = 64;

}  // namespace

nlohmann::json parse_json_object(std::string_view text, const std::string& file) {
  using nlohmann::json;
  const auto fail = [&](const std::string& problem) {
    throw std::runtime_error(file + ": " + problem);
  };
  std::vector<std::set<std::string>> open_objects;  // keys so far
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) fail("JSON nested deeper than " + std::to_string(kMaxDepth));
    if (event == json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == json::parse_event_t::object_end) open_objects.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_objects.back().insert(key).second)
        fail("the key " + in_quotes(key) + " appears twice");
    }
    return true;
  };
  json object;
  try {
    object = json::parse(text, check);
  } catch (const json::exception& error) {
    fail(std::string("is not valid JSON: ") + error.what());
  }
  if (!object.is_object())
    fail("must be a JSON object, but is of type " + std::string(object.type_name()));
  return object;
}

void JsonReader::fail(const std::string& problem) const {
  throw std::runtime_error(file_ + ": " + problem);
}

void JsonReader::refuse(const char* key, const std::string& expected) const {
  const nlohmann::json* value = find(key);
  const std::string found =
      !value ? "missing"
      : value->is_primitive()
          ? value->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 80)
          : value->type_name();
  fail("$." + std::string(key) + " is " + found + "; expected " + expected);
}

const nlohmann::json* JsonReader::find(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<int> JsonReader::find_int(const char* key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  constexpr int kMax = std::numeric_limits<int>::max();
  const bool fits = value->is_number_unsigned()
                        ? value->get<std::uint64_t>() <= kMax
                        : value->is_number_integer() && value->get<std::int64_t>() >= 0 &&
                              value->get<std::int64_t>() <= kMax;
  if (!fits) refuse(key, "an integer from 0 to 2^31 - 1");
  return value->get<int>();
}

std::optional<double> JsonReader::find_float(const char* key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_number()) refuse(key, "a number");
  return value->get<double>();
}

std::optional<bool> JsonReader::find_bool(const char* key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> JsonReader::find_string(const char* key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) refuse(key, "a string");
  return value->get<std::string>();
}

int JsonReader::get_int(const char* key) const {
  const auto value = find_int(key);
  if (!value) refuse(key, "an integer");
  return *value;
}

double JsonReader::get_float(const char* key) const {
  const auto value = find_float(key);
  if (!value) refuse(key, "a number");
  return *value;
}

std::string JsonReader::get_string(const char* key) const {
  auto value = find_string(key);
  if (!value) refuse(key, "a string");
  return *std::move(value);
}

}  // namespace paretune
