#include "runtime/chat/lexer.h"

#include <algorithm>
#include <array>

#include "runtime/chat/template.h"
#include "runtime/tokenizer/utf8.h"

namespace paretune::chat {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";
// The longest first.
constexpr std::array<std::string_view, 26> kSymbols{
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_name(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "\r\n" and "\r" are "\n".
std::string with_unix_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      text += '\n';
    }
  }
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_unix_newlines(source)) {
    if (source_.ends_with('\n')) source_.pop_back();
  }

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      text();
      if (at_ == source_.size()) break;
      switch (source_[at_ + 1]) {
        case '#':
          comment();
          break;
        case '{':
          tag(TokenKind::print_begin, TokenKind::print_end, "}}");
          break;
        default:
          if (!raw_block()) tag(TokenKind::block_begin, TokenKind::block_end, "%}");
      }
    }
    push(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw ChatTemplateError("line " + std::to_string(line_) + ": " + what);
  }
  void push(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  bool sees(std::string_view text) const {
    return std::string_view(source_).substr(at_).starts_with(text);
  }
  void advance(std::size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + at_, source_.begin() + end, '\n'));
    at_ = end;
  }
  void skip_spaces() { advance(std::min(source_.find_first_not_of(kSpaces, at_), source_.size())); }

  // Up to the next tag, of which at_ is then the start.
  void text() {
    std::size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 == source_.size()) tag = source_.size();
      if (tag == source_.size()) break;
      const char second = source_[tag + 1];
      if (second == '{' || second == '%' || second == '#') break;
    }
    std::size_t end = tag;
    if (tag < source_.size()) end = text_end(tag);
    if (end > at_) push(TokenKind::text, source_.substr(at_, end - at_));
    advance(tag);
  }

  // Where the text before the tag ends, once its whitespace is dealt with.
  std::size_t text_end(std::size_t tag) const {
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
    const std::string_view before = std::string_view(source_).substr(at_, tag - at_);
    const std::size_t last = before.find_last_not_of(kSpaces);
    const std::size_t stripped = at_ + (last == before.npos ? 0 : last + 1);
    if (sign == '-') return stripped;
    if (sign == '+' || source_[tag + 1] == '{') return tag;
    const std::size_t newline = before.rfind('\n');
    const bool from_line_start = newline != before.npos || at_ == 0 || source_[at_ - 1] == '\n';
    const std::size_t line_start = at_ + (newline == before.npos ? 0 : newline + 1);
    return from_line_start && stripped <= line_start ? line_start : tag;
  }

  // Behind the end of a tag: what its sign says, else (for blocks) one newline.
  void after_tag(char sign, bool trim_newline) {
    if (sign == '-') {
      skip_spaces();
    } else if (sign != '+' && trim_newline && sees("\n")) {
      advance(at_ + 1);
    }
  }

  void comment() {
    const std::size_t end = source_.find("#}", at_ + 2);
    if (end == std::string::npos) fail("the comment {# is not closed");
    const char sign = end > at_ + 2 ? source_[end - 1] : ' ';
    advance(end + 2);
    after_tag(sign, true);
  }

  // {% raw %} … {% endraw %}: text as it stands.
  bool raw_block() {
    const std::size_t start = at_;
    const int start_line = line_;
    const auto tag_named = [&](std::string_view name, char& sign) {
      at_ += 2;
      if (sees("-") || sees("+")) ++at_;
      skip_spaces();
      if (!sees(name)) return false;
      at_ += name.size();
      skip_spaces();
      sign = at_ < source_.size() ? source_[at_] : ' ';
      if (sign == '-' || sign == '+') ++at_;
      if (!sees("%}")) return false;
      at_ += 2;
      return true;
    };
    char sign = ' ';
    if (!tag_named("raw", sign)) {
      at_ = start;
      line_ = start_line;
      return false;
    }
    after_tag(sign, true);
    const std::size_t body = at_;
    const int body_line = line_;
    for (std::size_t tag = body; (tag = source_.find("{%", tag)) != std::string::npos; ++tag) {
      at_ = tag;
      if (!tag_named("endraw", sign)) continue;
      const std::size_t after = at_;
      at_ = body;
      line_ = body_line;
      const std::size_t body_end = text_end(tag);
      if (body_end > body) push(TokenKind::text, source_.substr(body, body_end - body));
      advance(after);
      after_tag(sign, true);
      return true;
    }
    line_ = start_line;
    fail("{% raw %} is not closed");
  }

  void tag(TokenKind begin, TokenKind end, std::string_view delimiter) {
    const int begin_line = line_;
    push(begin, "");
    at_ += 2;
    if (sees("-") || sees("+")) ++at_;
    int open = 0;  // brackets
    for (;;) {
      skip_spaces();
      if (at_ == source_.size()) {
        line_ = begin_line;
        fail("the tag is not closed by " + std::string(delimiter));
      }
      const char sign = source_[at_];
      const bool signed_end = (sign == '-' || sign == '+') &&
                              std::string_view(source_).substr(at_ + 1).starts_with(delimiter);
      if (open == 0 && (signed_end || sees(delimiter))) {
        push(end, "");
        at_ += delimiter.size() + (signed_end ? 1 : 0);
        after_tag(signed_end ? sign : ' ', end == TokenKind::block_end);
        return;
      }
      expression_token(open);
    }
  }

  void expression_token(int& open) {
    const char c = source_[at_];
    if (starts_name(c)) {
      std::size_t end = at_;
      while (end < source_.size() && (starts_name(source_[end]) || is_digit(source_[end]))) ++end;
      push(TokenKind::name, source_.substr(at_, end - at_));
      at_ = end;
    } else if (is_digit(c)) {
      number();
    } else if (c == '"' || c == '\'') {
      string(c);
    } else {
      symbol(open);
    }
  }

  void number() {
    std::size_t end = at_;
    bool floating = false;
    const auto digits = [&] {
      while (end < source_.size() && (is_digit(source_[end]) || source_[end] == '_')) ++end;
    };
    digits();
    if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      floating = true;
      ++end;
      digits();
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      std::size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) {
        ++exponent;
      }
      if (exponent < source_.size() && is_digit(source_[exponent])) {
        floating = true;
        end = exponent;
        digits();
      }
    }
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    push(floating ? TokenKind::floating : TokenKind::integer, std::move(text));
    at_ = end;
  }

  void string(char quote) {
    std::string text;
    std::size_t i = at_ + 1;
    for (; i < source_.size() && source_[i] != quote; ++i) {
      if (source_[i] == '\\' && i + 1 < source_.size()) {
        escape(++i, text);
      } else {
        text += source_[i];
      }
    }
    if (i >= source_.size()) fail("the string is not closed");
    push(TokenKind::string, std::move(text));
    advance(i + 1);
  }

  // i: of the character behind the backslash, then of the last one of the escape. Python's rules.
  void escape(std::size_t& i, std::string& text) {
    constexpr std::string_view kNames = "ntrbfav0";
    constexpr std::string_view kMeanings("\n\t\r\b\f\a\v\0", 8);
    const char c = source_[i];
    if (const std::size_t known = kNames.find(c); known != kNames.npos) {
      text += kMeanings[known];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      char32_t value = 0;
      for (std::size_t k = 1; k <= digits; ++k) {
        const char* kHex = "0123456789abcdef";
        const char digit = i + k < source_.size() ? static_cast<char>(source_[i + k] | 0x20) : ' ';
        const std::size_t nibble = std::string_view(kHex).find(digit);
        if (nibble == std::string_view::npos) fail("the string has a bad escape");
        value = value << 4 | static_cast<char32_t>(nibble);
      }
      if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
        fail("the string has an escape that is no character");
      }
      append_utf8(text, value);
      i += digits;
    } else if (c == '\\' || c == '\'' || c == '"') {
      text += c;
    } else if (c != '\n') {
      text += '\\';
      text += c;
    }
  }

  void symbol(int& open) {
    const auto known =
        std::find_if(kSymbols.begin(), kSymbols.end(), [&](auto symbol) { return sees(symbol); });
    if (known == kSymbols.end()) fail(std::string("unexpected character '") + source_[at_] + "'");
    const char c = (*known)[0];
    if (c == '(' || c == '[' || c == '{') ++open;
    if ((c == ')' || c == ']' || c == '}') && --open < 0) {
      fail(std::string("unexpected '") + c + "'");
    }
    push(TokenKind::symbol, std::string(*known));
    at_ += known->size();
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace paretune::chat
