#include "workloads/strict_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>

#include "workloads/text_file.h"

namespace paretune {

using nlohmann::json;

namespace {

constexpr std::size_t kShownBytes = 80;  // of a value or name in a message

// Cut where a UTF-8 character begins.
std::string shortened(std::string text) {
  if (text.size() <= kShownBytes) return text;
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string in_quotes(std::string_view name) {
  return shortened(json(std::string(name)).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string number_text(double x) {
  if (x == std::floor(x) && std::abs(x) < 1e15)
    return std::to_string(std::int64_t(x));  // not 1e+07
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, x).ptr};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Levenshtein's distance, O(|a| |b|): callers pass short names.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

// "a, b, c", opened by the name that was probably meant, if one is near.
std::string known_names(std::string_view found, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  std::size_t distance = std::max<std::size_t>(2, found.size() / 3) + 1;
  if (found.size() <= 64)
    for (const std::string& name : names)
      if (const std::size_t d = edit_distance(found, name); d < distance)
        distance = d, nearest = &name;
  return (nearest ? "did you mean \"" + *nearest + "\"? One of: " : "one of: ") + joined(names);
}

bool is_identifier(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c == '-';
  });
}

std::string member_path(const std::string& path, std::string_view key) {
  return is_identifier(key) ? path + "." + std::string(key) : path + "[" + in_quotes(key) + "]";
}

// Watches the parser go through the text: how deep it is, and the keys of the objects that are
// open.
class Watch {
 public:
  Watch(const std::string& where, int max_depth) : where_(where), max_depth_(max_depth) {}

  bool operator()(int, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (int(open_.size()) == max_depth_)
          throw std::runtime_error(where_ + ": found more than " + std::to_string(max_depth_) +
                                   " levels of nesting, which is the most allowed");
        open_.emplace_back();
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        open_.pop_back();
        break;
      case json::parse_event_t::key:
        if (const auto& key = parsed.get_ref<const std::string&>();
            !open_.back().insert(key).second)
          throw std::runtime_error(where_ + ": found the key " + in_quotes(key) +
                                   " twice in one object, allowed: once");
        break;
      case json::parse_event_t::value:
        break;
    }
    return true;
  }

 private:
  const std::string& where_;
  int max_depth_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

std::string Range::words(std::string_view kind) const {
  std::string text(kind);
  const bool has_min = std::isfinite(min), has_max = std::isfinite(max);
  if (has_min && has_max && !open_min)
    return text + " from " + number_text(min) + " to " + number_text(max);
  if (has_min) text += (open_min ? " > " : " >= ") + number_text(min);
  if (has_max) text += (has_min ? " and <= " : " <= ") + number_text(max);
  return text;
}

std::string JsonPlace::found() const {
  if (value_->is_object()) return "an object";
  if (value_->is_array()) return "an array of " + std::to_string(value_->size());
  if (value_->is_string()) return in_quotes(value_->get_ref<const std::string&>());
  return value_->dump();
}

void JsonPlace::refuse(std::string_view found, std::string_view allowed) const {
  throw std::runtime_error(file_ + ": " + path_ + ": found " + std::string(found) +
                           ", allowed: " + std::string(allowed));
}

void JsonPlace::refuse_missing(std::string_view key, std::string_view allowed) const {
  this->key(key).refuse("nothing", allowed);
}

const json* JsonPlace::find(std::string_view key, std::string_view aliases) const {
  const json* result = nullptr;
  std::string_view spelled;
  const auto look = [&](std::string_view name) {
    const auto it = value_->find(std::string(name));
    if (it == value_->end()) return;
    if (result)
      this->key(name).refuse("the same as \"" + std::string(spelled) + "\" a second time",
                             "one of the two");
    result = &*it;
    spelled = name;
  };
  look(key);
  for (const std::string_view alias : paretune::words(aliases)) look(alias);
  return result;
}

JsonPlace JsonPlace::at(std::string_view key, std::string_view aliases) const {
  for (const std::string_view alias : paretune::words(aliases))
    if (value_->contains(std::string(alias)) && !value_->contains(std::string(key)))
      return at(alias);
  return {value_->at(std::string(key)), file_, member_path(path_, key)};
}

JsonPlace JsonPlace::at(std::size_t index) const {
  return {value_->at(index), file_, path_ + "[" + std::to_string(index) + "]"};
}

JsonPlace JsonPlace::key(std::string_view key) const {
  return {*value_, file_, member_path(path_, key)};
}

void JsonPlace::expect_object() const {
  if (!value_->is_object()) refuse("an object");
}

void JsonPlace::expect_keys(const std::vector<std::string>& known,
                            const std::vector<std::string>& aliases) const {
  if (!value_->is_object()) refuse("an object with " + joined(known));
  for (const auto& [key, value] : value_->items())
    if (std::find(known.begin(), known.end(), key) == known.end() &&
        std::find(aliases.begin(), aliases.end(), key) == aliases.end())
      this->key(key).refuse("an unknown key", known_names(key, known));
}

std::size_t JsonPlace::expect_array(std::size_t min_size, std::size_t max_size) const {
  if (!value_->is_array() || value_->size() < min_size || value_->size() > max_size)
    refuse(Range{double(min_size), double(max_size)}.words("an array of length"));
  return value_->size();
}

double JsonPlace::number(const Range& range) const {
  const double x = value_->is_number() ? value_->get<double>() : NAN;
  if (!range.contains(x)) refuse(range.words("a number"));
  return x;
}

std::int64_t JsonPlace::integer(const Range& range) const {
  // Ranges stay below 2^53, so that the comparison as double is exact.
  if (!value_->is_number_integer() || !range.contains(value_->get<double>()))
    refuse(range.words("an integer"));
  return value_->get<std::int64_t>();
}

std::uint64_t JsonPlace::uint64() const {
  if (!value_->is_number_unsigned()) refuse("an integer from 0 to 2^64 - 1");
  return value_->get<std::uint64_t>();
}

bool JsonPlace::boolean() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

std::string JsonPlace::string(std::size_t min_size, std::size_t max_size, bool multiline) const {
  const auto fits = [&](const std::string& s) {
    return s.size() >= min_size && s.size() <= max_size &&
           std::none_of(s.begin(), s.end(), [&](unsigned char c) {
             return c == 0x7f ||
                    (c < 0x20 && !(multiline && (c == '\n' || c == '\r' || c == '\t')));
           });
  };
  if (!value_->is_string() || !fits(value_->get_ref<const std::string&>()))
    refuse("a string of " + std::to_string(min_size) + " to " + std::to_string(max_size) +
           " bytes without control characters");
  return value_->get<std::string>();
}

std::size_t JsonPlace::one_of(const std::vector<std::string_view>& names) const {
  if (value_->is_string())
    for (std::size_t i = 0; i < names.size(); ++i)
      if (value_->get_ref<const std::string&>() == names[i]) return i;
  const std::vector<std::string> list(names.begin(), names.end());
  refuse(known_names(value_->is_string() ? value_->get_ref<const std::string&>() : "", list));
}

json parse_strict_json(std::string_view text, const std::string& where, const JsonLimits& limits) {
  if (text.size() > limits.bytes)
    throw std::runtime_error(where + ": found " + std::to_string(text.size()) +
                             " bytes, allowed: at most " + std::to_string(limits.bytes));
  text = without_bom(text);
  try {
    return json::parse(text.begin(), text.end(), Watch(where, limits.depth));
  } catch (const json::exception& error) {
    std::string_view reason =
        error.what();  // "[json.exception.parse_error.101] parse error at line 3, …"
    if (const auto bracket = reason.find("] "); bracket != reason.npos)
      reason.remove_prefix(bracket + 2);
    throw std::runtime_error(where + ": not JSON: " + std::string(reason.substr(0, 300)));
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    if (end != 0) result.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return result;
}

bool has_word(std::string_view text, std::string_view word) {
  const auto all = words(text);
  return std::ranges::find(all, word) != all.end();
}

}  // namespace paretune
