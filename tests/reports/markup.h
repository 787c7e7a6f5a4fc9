// A checker of HTML as we write it: tags balance, attributes are quoted, raw < and & do not occur.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paretune {

// What is wrong first, or "".
inline std::string markup_error(std::string_view html) {
  static const std::set<std::string_view> kVoid{"meta", "link", "br", "wbr", "hr", "img", "input"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '&') {
      const std::size_t end = html.find(';', at);
      if (end == html.npos || end - at > 8)
        return "a bare & at " + std::string(html.substr(at, 40));
    }
    if (html[at] != '<') {
      ++at;
      continue;
    }
    const std::size_t end = html.find('>', at);
    if (end == html.npos) return "a tag without end: " + std::string(html.substr(at, 40));
    const std::string_view tag = html.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with("!DOCTYPE")) continue;
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1))
        return "unbalanced </" + std::string(tag.substr(1)) + ">";
      open.pop_back();
      continue;
    }
    const std::string name(tag.substr(0, tag.find_first_of(" /")));
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyzG123456") != name.npos) {
      return "no tag: <" + std::string(tag) + ">";
    }
    if (tag.find('<') != tag.npos) return "a < in a tag: " + std::string(tag);
    if (std::size_t(std::count(tag.begin(), tag.end(), '"')) % 2 != 0)
      return "unbalanced quotes: " + std::string(tag);
    if (const std::size_t id = tag.find(" id=\""); id != tag.npos) {
      const std::string value(tag.substr(id + 5, tag.find('"', id + 5) - id - 5));
      if (!ids.insert(value).second) return "the id " + value + " twice";
    }
    if (tag.ends_with("/") || kVoid.contains(name)) continue;
    open.push_back(name);
    if (name == "script" || name == "style") {  // their content is not markup
      const std::size_t close = html.find("</" + name + ">", at);
      if (close == html.npos) return name + " without end";
      at = close;
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> without end";
}

// How often `needle` occurs.
inline int occurrences(std::string_view text, std::string_view needle) {
  int n = 0;
  for (std::size_t at = text.find(needle); at != text.npos;
       at = text.find(needle, at + needle.size()))
    ++n;
  return n;
}

}  // namespace paretune
