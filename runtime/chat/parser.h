// Tokens into a tree.
#pragma once

#include <string_view>

#include "runtime/chat/syntax.h"

namespace paretune::chat {

// most_depth: of nested blocks and expressions. Throws ChatTemplateError that starts with "line N:
// ".
Program parse_template(std::string_view source, int most_depth);

}  // namespace paretune::chat
