#include "runtime/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "runtime/tokenizer/utf8.h"

namespace paretune {
namespace {

using enum CharacterClass;

// A cursor over the text; each method is an alternative of a regular expression, and returns where
// its match at i ends, or i if it does not match.
class Matcher {
 public:
  explicit Matcher(std::span<const Character> text) : text_(text) {}

  std::size_t size() const { return text_.size(); }
  CharacterClass kind(std::size_t i) const { return text_[i].kind; }
  bool is(std::size_t i, CharacterClass kind) const { return i < size() && text_[i].kind == kind; }
  bool is_newline(std::size_t i) const {
    return i < size() && (text_[i].value == '\n' || text_[i].value == '\r');
  }
  bool is_blank(std::size_t i) const { return i < size() && text_[i].value == ' '; }

  std::size_t run(std::size_t i, CharacterClass kind) const {
    while (is(i, kind)) ++i;
    return i;
  }

  // 's|'t|'re|'ve|'m|'ll|'d
  std::size_t contraction(std::size_t i, bool any_case) const {
    if (text_[i].value != '\'') return i;
    const auto letter = [&](std::size_t j) -> char32_t {
      if (j >= size()) return 0;
      const char32_t c = text_[j].value;
      return any_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    };
    const char32_t a = letter(i + 1), b = letter(i + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return i + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return i + 3;
    return i;
  }

  //  ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
  std::size_t blank_and_run(std::size_t i) const {
    const std::size_t first = is_blank(i) ? i + 1 : i;
    if (first == size() || kind(first) == space) return i;
    return run(first, kind(first));
  }

  // [^\r\n\p{L}\p{N}]?\p{L}+
  std::size_t prefixed_letters(std::size_t i) const {
    if (kind(i) == letter) return run(i, letter);
    if (kind(i) == number || is_newline(i) || !is(i + 1, letter)) return i;
    return run(i + 1, letter);
  }

  // \p{N}{1,most}
  std::size_t digits(std::size_t i, std::size_t most) const {
    const std::size_t limit = std::min(size() - i, most) + i;
    while (i < limit && kind(i) == number) ++i;
    return i;
  }

  //  ?[^\s\p{L}\p{N}]+[\r\n]*
  std::size_t symbols_and_newlines(std::size_t i) const {
    const std::size_t first = is_blank(i) ? i + 1 : i;
    if (!is(first, other)) return i;
    std::size_t end = run(first, other);
    while (is_newline(end)) ++end;
    return end;
  }

  // \s*[\r\n]+: up to the last line break of the spaces here.
  std::size_t spaces_to_newline(std::size_t i) const {
    std::size_t end = i;
    for (std::size_t j = i; is(j, space); ++j) {
      if (is_newline(j)) end = j + 1;
    }
    return end;
  }

  // \s+(?!\S)|\s+: all spaces but the last if a word follows, which takes it.
  std::size_t spaces(std::size_t i) const {
    const std::size_t end = run(i, space);
    return end < size() && end > i + 1 ? end - 1 : end;
  }

 private:
  std::span<const Character> text_;
};

// first: the index of text[0] in what ends index.
void split_gpt2_from(std::span<const Character> text, std::size_t first,
                     std::vector<std::size_t>& ends) {
  const Matcher match(text);
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = match.contraction(i, false);
    if (end == i) end = match.blank_and_run(i);
    if (end == i) end = match.spaces(i);
    ends.push_back(first + (i = end));
  }
}

// Llama 3's expression and Qwen 2's differ in the digits of a word.
void split_llama3_digits(std::span<const Character> text, std::size_t most_digits,
                         std::vector<std::size_t>& ends) {
  const Matcher match(text);
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = match.contraction(i, true);
    if (end == i) end = match.prefixed_letters(i);
    if (end == i) end = match.digits(i, most_digits);
    if (end == i) end = match.symbols_and_newlines(i);
    if (end == i) end = match.spaces_to_newline(i);
    if (end == i) end = match.spaces(i);
    ends.push_back(i = end);
  }
}

}  // namespace

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> characters;
  characters.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Character c = decode_utf8(text.substr(i));
    const bool valid = c.status == Utf8::valid;
    characters.push_back({c.value, valid ? character_class(c.value) : other, i});
    i += c.bytes;
  }
  return characters;
}

void split_gpt2(std::span<const Character> text, std::vector<std::size_t>& ends) {
  split_gpt2_from(text, 0, ends);
}

void split_llama3(std::span<const Character> text, std::vector<std::size_t>& ends) {
  split_llama3_digits(text, 3, ends);
}

void split_qwen2(std::span<const Character> text, std::vector<std::size_t>& ends) {
  split_llama3_digits(text, 1, ends);
}

void split_smollm(std::span<const Character> text, std::vector<std::size_t>& ends) {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin;
    while (end < text.size() && text[end].kind != number) ++end;
    split_gpt2_from(text.subspan(begin, end - begin), begin, ends);
    if (end < text.size()) ends.push_back(++end);
    begin = end;
  }
}

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  if (name.empty()) return nullptr;  // unused alias slots are empty
  const auto called = [&](const PreTokenizer& row) {
    return row.name == name ||
           std::find(row.aliases.begin(), row.aliases.end(), name) != row.aliases.end();
  };
  const auto row = std::find_if(kPreTokenizers.begin(), kPreTokenizers.end(), called);
  return row == kPreTokenizers.end() ? nullptr : &*row;
}

std::string pre_tokenizer_names() {
  std::string names;
  for (const PreTokenizer& row : kPreTokenizers) {
    if (!names.empty()) names += ", ";
    names += row.name;
    for (std::string_view alias : row.aliases) {
      if (!alias.empty()) names.append(", ").append(alias);
    }
  }
  return names;
}

}  // namespace paretune
