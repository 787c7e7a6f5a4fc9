// JSON as the server writes it: fields in the order given, and always valid UTF-8 (a client's text
// or half a character of a token may not be).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace paretune {

inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace paretune
