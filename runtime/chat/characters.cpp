#include "runtime/chat/characters.h"

#include <cstring>

#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

namespace paretune::chat {
namespace {

// change(character) -> character, where text is UTF-8.
template <class Change>
std::string change_characters(std::string_view text, const Change& change) {
  std::string changed;
  while (!text.empty()) {
    const Utf8Character c = decode_utf8(text);
    if (c.status == Utf8::valid) {
      append_utf8(changed, change(c.value));
    } else {
      changed += text.substr(0, c.bytes);
    }
    text.remove_prefix(c.bytes);
  }
  return changed;
}

}  // namespace

std::size_t character_bytes(std::string_view text) { return decode_utf8(text).bytes; }

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) i += character_bytes(text.substr(i));
  return count;
}

std::size_t character_offset(std::string_view text, std::size_t index) {
  std::size_t i = 0;
  for (; i < text.size() && index > 0; --index) i += character_bytes(text.substr(i));
  return i;
}

bool is_space(char32_t c) {
  return (c >= 0x1C && c <= 0x1F) || character_class(c) == CharacterClass::space;
}

std::string upper(std::string_view text) { return change_characters(text, to_upper); }
std::string lower(std::string_view text) { return change_characters(text, to_lower); }

Part strip(std::string_view text, const std::string_view* set, bool left, bool right) {
  const auto in_set = [&](std::string_view character) {
    if (set) return set->find(character) != std::string_view::npos;
    return is_space(decode_utf8(character).value);
  };
  std::size_t begin = 0;
  while (left && begin < text.size()) {
    const std::size_t bytes = character_bytes(text.substr(begin));
    if (!in_set(text.substr(begin, bytes))) break;
    begin += bytes;
  }
  std::size_t end = text.size();
  while (right && end > begin) {
    std::size_t last = end - 1;  // where the last character starts
    while (last > begin && end - last < 4 && (text[last] & 0xC0) == 0x80) --last;
    if (character_bytes(text.substr(last, end - last)) != end - last) last = end - 1;
    if (!in_set(text.substr(last, end - last))) break;
    end = last;
  }
  return {begin, end};
}

std::size_t find_text(std::string_view text, std::string_view needle, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  // memmem is linear (glibc's two-way search); std::string_view::find is quadratic at worst.
  const void* found = memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (!found) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace paretune::chat
