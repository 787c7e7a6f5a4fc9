// Arithmetic, concatenation and slices, as Python has them, but for integers: those have 64 bits,
// and beyond is an error.
#pragma once

#include <string_view>

#include "runtime/chat/value.h"

namespace paretune::chat {

Value negative(const Value& value);
// op: + - * / // % ** ~
Value binary_operation(Budget& budget, std::string_view op, const Value& a, const Value& b);
// value[begin:end:step]; undefined parts are not given.
Value slice(Budget& budget, const Value& value, const Value& begin, const Value& end,
            const Value& step);

}  // namespace paretune::chat
