#include "runtime/server/json_fields.h"

#include <utility>

#include "runtime/server/api_error.h"
#include "runtime/server/json_text.h"

namespace paretune {
namespace {

using nlohmann::json;

// Requests nest four deep (messages[i].content[j].text); the rest is a guard against bodies of
// "[[[[…".
constexpr int kMaxDepth = 32;

std::string range_text(double least, double most) {
  return "from " + json(least).dump() + " to " + json(most).dump();
}

// What was found, short enough for a message.
std::string excerpt(const json& value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  std::string text = json_text(value);
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

}  // namespace

void refuse(const std::string& param, const std::string& message) {
  throw ApiError(400, param + ": " + message, param);
}

void refuse_type(const std::string& param, std::string_view expected, const json& found) {
  refuse(param, "expected " + std::string(expected) + ", found " + excerpt(found));
}

json parse_body(std::string_view body) {
  json parsed;
  try {
    parsed = json::parse(body, [](int depth, json::parse_event_t, json&) {
      if (depth > kMaxDepth) {
        throw ApiError(400, "the body nests deeper than " + std::to_string(kMaxDepth) + " levels");
      }
      return true;
    });
  } catch (const json::exception& error) {
    throw ApiError(400, std::string("the body is not valid JSON: ") + error.what());
  }
  if (!parsed.is_object()) {
    throw ApiError(400, "the body must be a JSON object, found " + excerpt(parsed));
  }
  return parsed;
}

JsonFields::JsonFields(const json& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object_.is_object()) refuse_type(path_, "an object", object_);
}

std::string JsonFields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

const json* JsonFields::find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

double JsonFields::number(std::string_view name, double fallback, double least, double most) const {
  const json* value = find(name);
  if (!value) return fallback;
  if (!value->is_number()) refuse_type(path_of(name), "a number", *value);
  const double number = value->get<double>();
  if (!(number >= least && number <= most)) {
    refuse_type(path_of(name), "a number " + range_text(least, most), *value);
  }
  return number;
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) const {
  const json* value = find(name);
  if (!value) return std::nullopt;
  const bool fits =
      value->is_number_integer() &&
      (!value->is_number_unsigned() || std::in_range<std::int64_t>(value->get<std::uint64_t>()));
  if (!fits || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most) {
    refuse_type(path_of(name),
                "an integer from " + std::to_string(least) + " to " + std::to_string(most), *value);
  }
  return value->get<std::int64_t>();
}

bool JsonFields::boolean(std::string_view name, bool fallback) const {
  const json* value = find(name);
  if (!value) return fallback;
  if (!value->is_boolean()) refuse_type(path_of(name), "true or false", *value);
  return value->get<bool>();
}

std::optional<std::string> JsonFields::string(std::string_view name) const {
  const json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) refuse_type(path_of(name), "a string", *value);
  return value->get<std::string>();
}

}  // namespace paretune
