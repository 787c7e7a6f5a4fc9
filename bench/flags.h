// "--name value", or "--name", on a bench's command line.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace paretune {

struct Flag {
  std::string name;
  std::function<void(const std::string&)> set;
  bool value = true;  // one follows
};

inline Flag flag(const char* name, int& value) {
  return {name, [&](const std::string& text) { value = std::stoi(text); }};
}
inline Flag flag(const char* name, double& value) {
  return {name, [&](const std::string& text) { value = std::stod(text); }};
}
inline Flag flag(const char* name, std::uint64_t& value) {
  return {name, [&](const std::string& text) { value = std::stoull(text); }};
}
inline Flag flag(const char* name, std::string& value) {
  return {name, [&](const std::string& text) { value = text; }};
}
inline Flag flag(const char* name, std::filesystem::path& value) {
  return {name, [&](const std::string& text) { value = text; }};
}
// Each time that it is given adds one.
inline Flag flag(const char* name, std::vector<std::string>& values) {
  return {name, [&](const std::string& text) { values.push_back(text); }};
}
inline Flag flag(const char* name, bool& given) {
  return {name, [&](const std::string&) { given = true; }, false};
}

// operand: gets what is no flag; null: there is none. Throws std::runtime_error with the known
// flags.
inline void read_flags(int argc, char** argv, std::initializer_list<Flag> flags,
                       std::string* operand = nullptr) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (operand && !word.starts_with("--")) {
      *operand = word;
      continue;
    }
    const Flag* found = nullptr;
    std::string known;
    for (const Flag& one : flags) {
      known += (known.empty() ? "" : ", ") + one.name;
      if (one.name == word) found = &one;
    }
    if (!found) throw std::runtime_error(word + ": unknown; known are " + known);
    if (!found->value) {
      found->set("");
      continue;
    }
    if (++i == argc) throw std::runtime_error(word + " needs a value");
    try {
      found->set(argv[i]);
    } catch (const std::logic_error&) {
      throw std::runtime_error(word + ": found \"" + argv[i] + "\", allowed: a number");
    }
  }
}

}  // namespace paretune
