#include "runtime/tokenizer/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <stdexcept>

#include "runtime/tokenizer/utf8.h"

namespace paretune {
namespace {

// well_formed: UTF-8.
void append_nfc(const icu::Normalizer2& normalizer, std::string_view well_formed,
                std::string& out) {
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out);
  normalizer.normalizeUTF8(
      0, icu::StringPiece(well_formed.data(), static_cast<int32_t>(well_formed.size())), sink,
      nullptr, status);
  if (U_FAILURE(status)) throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
}

}  // namespace

CharacterClass character_class(char32_t character) {
  const auto c = static_cast<UChar32>(character);
  if (u_isUWhiteSpace(c)) return CharacterClass::space;
  const uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_L_MASK) return CharacterClass::letter;
  if (category & U_GC_N_MASK) return CharacterClass::number;
  return CharacterClass::other;
}

std::string nfc(std::string_view text) {
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), ascii)) return std::string(text);

  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error(std::string("ICU: ") + u_errorName(status));

  std::string out;
  std::size_t begin = 0;  // of the well-formed part under way
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = decode_utf8(text.substr(i));
    if (c.status != Utf8::valid) {
      append_nfc(*normalizer, text.substr(begin, i - begin), out);
      out += text.substr(i, c.bytes);
      begin = i + c.bytes;
    }
    i += c.bytes;
  }
  append_nfc(*normalizer, text.substr(begin), out);
  return out;
}

char32_t to_upper(char32_t character) {
  return static_cast<char32_t>(u_toupper(static_cast<UChar32>(character)));
}

char32_t to_lower(char32_t character) {
  return static_cast<char32_t>(u_tolower(static_cast<UChar32>(character)));
}

}  // namespace paretune
