// UTF-8, strictly: surrogates, overlong forms and values beyond U+10FFFF are ill-formed (Unicode
// 15, table 3-7).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace paretune {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

enum class Utf8 {
  valid,
  invalid,   // the bytes can never become a character
  truncated  // the text ends within what may yet become one
};

struct Utf8Character {
  char32_t value;     // kReplacementCharacter unless valid
  std::size_t bytes;  // at least 1; if ill-formed, its maximal part (Unicode 15, section 3.9)
  Utf8 status;
};

// The character at the start of text, which is not empty.
Utf8Character decode_utf8(std::string_view text);

void append_utf8(std::string& out, char32_t character);

}  // namespace paretune
