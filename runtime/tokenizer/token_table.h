// The vocabulary as a table: what each token is, and the bytes it stands for.
#pragma once

#include <string>
#include <vector>

#include "runtime/model/tokenizer_data.h"
#include "runtime/tokenizer/literal_matcher.h"

namespace paretune {

class TokenTable {
 public:
  // data: checked. Throws std::runtime_error if a byte token is not written "<0x0A>".
  explicit TokenTable(const TokenizerData& data);

  struct Token {
    std::string text;   // as the vocabulary writes it
    std::string bytes;  // what it adds to the output
    bool control = false;
    bool end_of_generation = false;
  };
  const std::vector<Token>& tokens() const { return tokens_; }
  const LiteralMatcher& specials() const { return specials_; }  // control, unknown, user-defined
  const LiteralMatcher& user_defined() const { return user_defined_; }

 private:
  std::vector<Token> tokens_;
  LiteralMatcher specials_;
  LiteralMatcher user_defined_;
};

// Throws std::runtime_error where lists or ids contradict each other. The result has a type for
// every token, and those that the data call BOS, EOS or end of generation are control tokens (some
// files have them as normal ones).
TokenizerData checked(TokenizerData data);

}  // namespace paretune
