// Functions that templates may call: raise_exception, strftime_now, namespace, range, dict.
#pragma once

#include <ctime>
#include <deque>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/chat/arguments.h"

namespace paretune::chat {

// What functions see beside their arguments.
struct Environment {
  Budget budget;
  std::deque<Namespace> namespaces;
  std::optional<std::tm> now;
};

struct Function {
  std::string_view name;
  Value (*call)(Environment& environment, const GivenArguments& arguments);
  bool needs_now = false;  // undefined where the caller has not told the time
};

std::span<const Function> functions();

}  // namespace paretune::chat
