// Tests: value is name(argument). As in Jinja 3.1. To add one: a row of kPredicates in
// predicates.cpp.
#pragma once

#include <string>
#include <string_view>

#include "runtime/chat/arguments.h"

namespace paretune::chat {

struct Predicate {
  std::string_view name;
  Parameters parameters;
  bool (*holds)(Budget& budget, const Value& value, const Bound& arguments);
};

const Predicate* find_predicate(std::string_view name);  // nullptr: unknown
std::string predicate_names();                           // for messages

}  // namespace paretune::chat
