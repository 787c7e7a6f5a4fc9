// Methods of strings and dicts: value.name(arguments), as Python's. To add one: a function and a
// row of kMethods in methods.cpp.
#pragma once

#include <string_view>

#include "runtime/chat/arguments.h"

namespace paretune::chat {

struct Method {
  enum class Of { text, dict };
  Of of;
  std::string_view name;
  Parameters parameters;
  Value (*call)(Budget& budget, const Value& self, const Bound& arguments);
};

// nullptr if the value's type has no such method.
const Method* find_method(const Value& self, std::string_view name);
std::string method_names(const Value& self);  // for messages

}  // namespace paretune::chat
