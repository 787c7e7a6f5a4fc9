#include "runtime/tokenizer/byte_alphabet.h"

#include <array>

#include "runtime/tokenizer/utf8.h"

namespace paretune {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr int kOthers = 68;

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<unsigned char, kOthers> byte{};  // of U+0100 + i
};

constexpr Alphabet kAlphabet = [] {
  Alphabet alphabet;
  int others = 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (stands_for_itself(byte)) {
      alphabet.character[byte] = byte;
    } else {
      alphabet.byte[others] = static_cast<unsigned char>(byte);
      alphabet.character[byte] = 0x100 + others++;
    }
  }
  return alphabet;
}();

static_assert(kAlphabet.character[' '] == U'Ġ' && kAlphabet.character[0xAD] == 0x100 + kOthers - 1);

}  // namespace

char32_t byte_to_character(unsigned char byte) { return kAlphabet.character[byte]; }

std::optional<unsigned char> character_to_byte(char32_t character) {
  if (character < 0x100) {
    if (!stands_for_itself(static_cast<int>(character))) return std::nullopt;
    return static_cast<unsigned char>(character);
  }
  if (character < 0x100 + kOthers) return kAlphabet.byte[character - 0x100];
  return std::nullopt;
}

std::string bytes_of_token(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const Utf8Character c = decode_utf8(token);
    const auto byte = c.status == Utf8::valid ? character_to_byte(c.value) : std::nullopt;
    if (byte) {
      bytes.push_back(static_cast<char>(*byte));
    } else {
      bytes += token.substr(0, c.bytes);
    }
    token.remove_prefix(c.bytes);
  }
  return bytes;
}

}  // namespace paretune
