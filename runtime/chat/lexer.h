// A template's source into tokens, with Jinja's rules for whitespace around tags:
//   "-" beside a tag's delimiter strips all whitespace on that side; "+" keeps what the rules below
//   would remove; trim_blocks: the first newline after {% … %} and {# … #} goes; lstrip_blocks: so
//   do blanks before them from the start of the line; one newline at the very end of the source
//   goes too.
// Source: jinja2/lexer.py (3.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paretune::chat {

enum class TokenKind {
  text,         // outside of tags
  print_begin,  // {{
  print_end,
  block_begin,  // {%
  block_end,
  name,
  integer,
  floating,
  string,  // with escapes resolved
  symbol,  // an operator or bracket
  end      // of the source
};

struct Token {
  TokenKind kind;
  std::string text;
  int line;  // from 1
};

// Throws ChatTemplateError that starts with "line N: ". The last token is of kind end.
std::vector<Token> tokenize(std::string_view source);

}  // namespace paretune::chat
