// What both parsers need of the tokens: looking ahead, expecting, and errors that name the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/chat/lexer.h"
#include "runtime/chat/template.h"

namespace paretune::chat {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, int most_depth)
      : tokens_(std::move(tokens)), most_depth_(most_depth) {}

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token next() {
    const Token token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool sees(TokenKind kind) const { return peek().kind == kind; }
  bool sees(TokenKind kind, std::string_view text, std::size_t ahead = 0) const {
    return peek(ahead).kind == kind && peek(ahead).text == text;
  }
  bool sees_name(std::string_view name) const { return sees(TokenKind::name, name); }
  bool sees_symbol(std::string_view symbol) const { return sees(TokenKind::symbol, symbol); }
  bool accept_name(std::string_view name) { return sees_name(name) && (next(), true); }
  bool accept_symbol(std::string_view symbol) { return sees_symbol(symbol) && (next(), true); }

  void expect_symbol(std::string_view symbol) {
    if (!accept_symbol(symbol)) fail("expected '" + std::string(symbol) + "', found " + found());
  }
  std::string expect_identifier() {
    if (!sees(TokenKind::name)) fail("expected a name, found " + found());
    return next().text;
  }
  void expect(TokenKind kind, std::string_view what) {
    if (!sees(kind)) fail("expected " + std::string(what) + ", found " + found());
    next();
  }

  int line() const { return peek().line; }
  std::string found() const {
    switch (peek().kind) {
      case TokenKind::end:
        return "the end of the template";
      case TokenKind::block_end:
        return "%}";
      case TokenKind::print_end:
        return "}}";
      case TokenKind::string:
        return "a string";
      default:
        return "'" + peek().text + "'";
    }
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw ChatTemplateError("line " + std::to_string(line()) + ": " + what);
  }

  int most_depth() const { return most_depth_; }

  // Counts a level of nesting while it lives.
  class Level {
   public:
    explicit Level(TokenStream& stream) : stream_(stream) {
      if (++stream_.depth_ > stream_.most_depth_) {
        --stream_.depth_;
        stream_.fail("nested more than " + std::to_string(stream_.most_depth_) + " levels deep");
      }
    }
    ~Level() { --stream_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenStream& stream_;
  };

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int most_depth_;
  int depth_ = 0;
};

}  // namespace paretune::chat
