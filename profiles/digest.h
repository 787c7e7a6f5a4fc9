// Keys of what is stored.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace paretune {

// XXH3-128, 32 hex digits, of the parts with their lengths: {"ab", "c"} is not {"a", "bc"}.
std::string digest(std::initializer_list<std::string_view> parts);

}  // namespace paretune
