// What pre-tokenizers ask of Unicode. ICU stays behind this door.
#pragma once

#include <string>
#include <string_view>

namespace paretune {

// The classes that the pre-tokenizers' regular expressions tell apart; each character has one.
enum class CharacterClass : unsigned char {
  letter,  // \p{L}
  number,  // \p{N}
  space,   // \s: the property White_Space
  other
};
CharacterClass character_class(char32_t character);

// Normalization form C (UAX #15). Bytes that are not UTF-8 stay as they are.
std::string nfc(std::string_view text);

// Simple (one to one) case mappings.
char32_t to_upper(char32_t character);
char32_t to_lower(char32_t character);

}  // namespace paretune
