#include "reports/text.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace paretune {

std::string cat(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (std::string_view part : parts) out += part;
  return out;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (&part != parts.data()) out += separator;
    out += part;
  }
  return out;
}

std::string clean_utf8(std::string_view text) {
  using nlohmann::json;
  // The JSON library's own decoder knows overlong forms, surrogates and cut sequences.
  std::string valid = json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
  std::string out;
  for (char c : valid) {
    const bool control =
        (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
    if (control) {
      out += "\uFFFD";
    } else {
      out += c;
    }
  }
  return out;
}

std::string html_text(std::string_view text) {
  std::string out;
  for (char c : clean_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_list(std::string_view text) {
  std::string out;
  const std::string escaped = html_text(text);
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    out += escaped[i];
    const bool letter =
        i + 1 < escaped.size() && std::isalpha(static_cast<unsigned char>(escaped[i + 1]));
    if (escaped[i] == ',' && letter) out += "<wbr>";
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for (char c : clean_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\n':
        out += ' ';
        break;
      case '\\':
      case '|':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '#':
      case '~':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return out;
}

std::string markdown_code(std::string_view text) {
  std::string code = clean_utf8(text);
  std::replace(code.begin(), code.end(), '\n', ' ');
  std::size_t longest = 0;
  std::size_t run = 0;
  for (char c : code) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  const std::string_view pad = longest > 0 ? " " : "";
  return cat({fence, pad, code, pad, fence});
}

std::string csv_text(std::string_view text) {
  std::string field = clean_utf8(text);
  if (!field.empty() && std::string_view("=+-@\t").find(field[0]) != std::string_view::npos) {
    field.insert(0, 1, '\'');
  }
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string out = "\"";
  for (char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace paretune
