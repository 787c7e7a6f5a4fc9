// Filters: value|name(arguments). As in Jinja 3.1, with Hugging Face's tojson. To add one: a
// function and a row of kFilters in filters.cpp.
#pragma once

#include <string>
#include <string_view>

#include "runtime/chat/arguments.h"
#include "runtime/chat/value.h"

namespace paretune::chat {

struct Filter {
  std::string_view name;
  Parameters parameters;
  Value (*apply)(Budget& budget, const Value& input, const Bound& arguments);
};

const Filter* find_filter(std::string_view name);  // nullptr: unknown
std::string filter_names();                        // for messages

}  // namespace paretune::chat
