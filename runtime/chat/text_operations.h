// What filters and methods of strings share. All keep the marks of origin.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/chat/value.h"

namespace paretune::chat {

Value upper_case(Budget& budget, const MarkedText& text);
Value lower_case(Budget& budget, const MarkedText& text);
Value capitalized(Budget& budget, const MarkedText& text);
Value title_case(Budget& budget, const MarkedText& text);

// set: the characters to strip; undefined or none: spaces.
Value stripped(Budget& budget, const MarkedText& text, const Value& set, bool left, bool right);

// most: replacements; negative: all.
Value replaced(Budget& budget, const MarkedText& text, const MarkedText& from, const MarkedText& to,
               std::int64_t most);

std::vector<MarkedText> split_lines(Budget& budget, const MarkedText& text);

Value joined(Budget& budget, const std::vector<Value>& items, const MarkedText& separator);

}  // namespace paretune::chat
