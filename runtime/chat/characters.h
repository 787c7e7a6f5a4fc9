// Strings are indexed by characters, as Python's are; bytes that are not UTF-8 count as one each
// ill-formed part.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace paretune::chat {

std::size_t character_bytes(std::string_view text);  // of the first character; text is not empty
std::size_t character_count(std::string_view text);
// The byte offset of the character at index, or the text's size if there are not as many.
std::size_t character_offset(std::string_view text, std::size_t index);

// As Python's str.isspace() tells.
bool is_space(char32_t character);

std::string upper(std::string_view text);
std::string lower(std::string_view text);

// The part [begin, end) without the characters at its ends that are in `set`, or spaces if there is
// no set.
struct Part {
  std::size_t begin;
  std::size_t end;
};
Part strip(std::string_view text, const std::string_view* set, bool left, bool right);

// Where needle lies at or after from; npos if nowhere. In linear time, whatever the strings.
std::size_t find_text(std::string_view text, std::string_view needle, std::size_t from);

}  // namespace paretune::chat
