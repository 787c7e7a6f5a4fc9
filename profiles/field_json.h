// Structs as JSON text and back, from one list of fields that serves both directions.
//
//   static void fields(Is<Estimate> auto& s, auto&& visit) {
//     auto& [value, low, high] = s;  // a field added to the struct and not here does not compile
//     visit("value", value), visit("low", low), visit("high", high);
//   }
//
// beside the struct's namespace, so that it is found by its argument. A type with a text of its own
// has write_leaf(value) -> Json and read_leaf(json, where, value&) instead.
//
// The round trip is exact: finite numbers are written as the shortest decimal that reads back the
// same; "inf", "-inf" and "nan" are written as strings, as JSON has no numbers for them; an absent
// optional is null. Read strictly: a missing, unknown or mistyped key throws std::runtime_error
// that names `where` and the JSON path. Of a field that was added later, visit("name", field,
// kAddedLater), older texts know nothing: it keeps its default, so that what was kept stays
// readable.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace paretune {

using FieldJson = nlohmann::ordered_json;

struct AddedLater {};
inline constexpr AddedLater kAddedLater;

template <class T, class Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

namespace internal {

template <class T>
constexpr bool kIsVector = false;
template <class T>
constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
FieldJson write_field(const T& value) {
  if constexpr (std::floating_point<T>) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return static_cast<double>(value);
  } else if constexpr (requires { write_leaf(value); }) {
    return write_leaf(value);
  } else if constexpr (requires { fields(value, [](std::string_view, const auto&, auto...) {}); }) {
    FieldJson object = FieldJson::object();
    fields(value, [&](std::string_view key, const auto& field, auto...) {
      object[std::string(key)] = write_field(field);
    });
    return object;
  } else if constexpr (kIsVector<T>) {
    FieldJson array = FieldJson::array();
    for (const auto& element : value) array.push_back(write_field(element));
    return array;
  } else if constexpr (kIsOptional<T>) {
    return value ? write_field(*value) : FieldJson(nullptr);
  } else {
    return value;
  }
}

class FieldReader {
 public:
  explicit FieldReader(const std::string& where) : where_(where) {}

  template <class T>
  void read(const FieldJson& json, const std::string& path, T& value) const {
    if constexpr (std::floating_point<T>) {
      if (json == "nan")
        value = std::numeric_limits<T>::quiet_NaN();
      else if (json == "inf")
        value = std::numeric_limits<T>::infinity();
      else if (json == "-inf")
        value = -std::numeric_limits<T>::infinity();
      else if (json.is_number())
        value = json.get<T>();
      else
        fail(json, path, "a number, \"inf\", \"-inf\" or \"nan\"");
    } else if constexpr (std::same_as<T, bool>) {
      if (!json.is_boolean()) fail(json, path, "true or false");
      value = json.get<bool>();
    } else if constexpr (std::integral<T>) {
      constexpr std::uint64_t max = std::numeric_limits<T>::max();
      if (!json.is_number_unsigned() || json.get<std::uint64_t>() > max)
        fail(json, path, "a whole number from 0 to " + std::to_string(max));
      value = json.get<T>();
    } else if constexpr (std::same_as<T, std::string>) {
      if (!json.is_string()) fail(json, path, "a string");
      value = json.get<std::string>();
    } else if constexpr (requires { read_leaf(json, path, value); }) {
      read_leaf(json, where_ + ": " + path, value);
    } else if constexpr (requires { fields(value, [](std::string_view, auto&, auto...) {}); }) {
      if (!json.is_object()) fail(json, path, "an object");
      std::size_t known = 0;
      fields(value, [&](std::string_view key, auto& field, auto... later) {
        const auto found = json.find(std::string(key));
        if (found == json.end() && sizeof...(later) > 0) return;
        if (found == json.end()) fail(json, path, "the key " + std::string(key));
        read(*found, path + "." + std::string(key), field);
        ++known;
      });
      if (known != json.size()) fail(json, path, std::to_string(known) + " keys and no others");
    } else if constexpr (kIsOptional<T>) {
      value.reset();
      if (!json.is_null()) read(json, path, value.emplace());
    } else {
      if (!json.is_array()) fail(json, path, "an array");
      value.resize(json.size());
      for (std::size_t i = 0; i < json.size(); ++i)
        read(json[i], path + "[" + std::to_string(i) + "]", value[i]);
    }
  }

 private:
  [[noreturn]] void fail(const FieldJson& json, const std::string& path,
                         const std::string& allowed) const {
    std::string found = json.dump(-1, ' ', false, FieldJson::error_handler_t::replace);
    if (found.size() > 80) found = found.substr(0, 80) + "…";
    throw std::runtime_error(where_ + ": " + path + ": found " + found + ", allowed: " + allowed);
  }

  const std::string& where_;
};

}  // namespace internal

template <class T>
T parse_fields(std::string_view text, const std::string& where) {
  const FieldJson json = FieldJson::parse(text, nullptr, false);
  if (json.is_discarded())
    throw std::runtime_error(where + ": not JSON: " + std::string(text.substr(0, 80)));
  T value;
  internal::FieldReader(where).read(json, "$", value);
  return value;
}

// One line. Bytes that are not UTF-8 (a crashed child's last words) become U+FFFD instead of an
// exception.
template <class T>
std::string fields_text(const T& value) {
  return internal::write_field(value).dump(-1, ' ', false, FieldJson::error_handler_t::replace);
}

}  // namespace paretune
