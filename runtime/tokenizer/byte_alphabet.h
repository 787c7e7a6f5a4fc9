// GPT-2's printable alphabet: one character for each byte, so that a byte-level vocabulary can be
// written as text. Printable Latin-1 bytes stand for themselves, the other 68 for U+0100 onwards in
// order ("Ġ" is a space, "Ċ" a line feed). Source: bytes_to_unicode in
// github.com/openai/gpt-2/blob/master/src/encoder.py.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace paretune {

char32_t byte_to_character(unsigned char byte);
std::optional<unsigned char> character_to_byte(char32_t character);

// The bytes that a vocabulary entry stands for; characters outside the alphabet stand for
// themselves.
std::string bytes_of_token(std::string_view token);

}  // namespace paretune
