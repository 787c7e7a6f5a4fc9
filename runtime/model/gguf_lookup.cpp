// Metadata by key.
#include <array>
#include <limits>
#include <stdexcept>

#include "runtime/model/byte_reader.h"
#include "runtime/model/gguf.h"

namespace paretune {
namespace {

const char* type_name(const GgufValue& value) {
  constexpr std::array kNames{"an integer",
                              "an integer",
                              "a float",
                              "a boolean",
                              "a string",
                              "an array of integers",
                              "an array of integers",
                              "an array of floats",
                              "an array of booleans",
                              "an array of strings"};
  static_assert(kNames.size() == std::variant_size_v<GgufValue>);
  return kNames[value.index()];
}

// The value if it is there; wrong is called if it is of another type.
template <class T, class Wrong>
std::optional<T> as(const GgufValue* value, Wrong wrong) {
  if (!value) return std::nullopt;
  const T* held = std::get_if<T>(value);
  if (!held) wrong();
  return *held;
}

}  // namespace

const GgufValue* Gguf::find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

void Gguf::refuse(std::string_view key, const std::string& expected) const {
  const GgufValue* value = find(key);
  throw std::runtime_error(name_ + ": the key " + in_quotes(key) + " is " +
                           (value ? type_name(*value) : "missing") + "; expected " + expected);
}

std::optional<std::int64_t> Gguf::find_int(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(value)) return *number;
  const auto* number = std::get_if<std::uint64_t>(value);
  if (!number) refuse(key, "an integer");
  if (*number > std::numeric_limits<std::int64_t>::max()) refuse(key, "an integer below 2^63");
  return static_cast<std::int64_t>(*number);
}

std::optional<double> Gguf::find_float(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(value)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<std::int64_t>(value)) return static_cast<double>(*number);
  refuse(key, "a number");
}

std::optional<bool> Gguf::find_bool(std::string_view key) const {
  return as<bool>(find(key), [&] { refuse(key, "a boolean"); });
}

std::optional<std::string> Gguf::find_string(std::string_view key) const {
  return as<std::string>(find(key), [&] { refuse(key, "a string"); });
}

std::optional<std::vector<double>> Gguf::find_floats(std::string_view key) const {
  return as<std::vector<double>>(find(key), [&] { refuse(key, "an array of floats"); });
}

std::optional<std::vector<std::int64_t>> Gguf::find_ints(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(value)) return *numbers;
  const auto* numbers = std::get_if<std::vector<std::uint64_t>>(value);
  if (!numbers) refuse(key, "an array of integers");
  std::vector<std::int64_t> result;
  for (const std::uint64_t number : *numbers) {
    if (number > std::numeric_limits<std::int64_t>::max()) refuse(key, "integers below 2^63");
    result.push_back(static_cast<std::int64_t>(number));
  }
  return result;
}

const std::vector<std::string>* Gguf::find_strings(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return nullptr;
  const auto* strings = std::get_if<std::vector<std::string>>(value);
  if (!strings) refuse(key, "an array of strings");
  return strings;
}

std::int64_t Gguf::get_int(std::string_view key) const {
  const auto value = find_int(key);
  if (!value) refuse(key, "an integer");
  return *value;
}

double Gguf::get_float(std::string_view key) const {
  const auto value = find_float(key);
  if (!value) refuse(key, "a number");
  return *value;
}

std::string Gguf::get_string(std::string_view key) const {
  auto value = find_string(key);
  if (!value) refuse(key, "a string");
  return *std::move(value);
}

}  // namespace paretune
