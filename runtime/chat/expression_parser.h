// Expressions: recursive descent with Jinja's precedence, loosest first:
//   x if c else y | or | and | not | comparisons, in | + - | ~ | * / // % | unary - + | ** | . []
//   () | filters, is
// Source: jinja2/parser.py (3.1).
#pragma once

#include <vector>

#include "runtime/chat/syntax.h"
#include "runtime/chat/token_stream.h"

namespace paretune::chat {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExpressionPtr parse();                 // without commas
  ExpressionPtr parse_tuple();           // a, b is a list
  ExpressionPtr parse_no_conditional();  // "if" is left to the caller
  // name(arguments)|name…, as behind {% filter %}; each takes what the one before gives.
  std::vector<ExpressionPtr> parse_filters();

 private:
  struct Node {  // an expression and its height, which bounds the evaluator's recursion
    ExpressionPtr expression;
    int height;
  };
  template <class T>
  Node make(int line, T node, int height);

  Node conditional();
  Node logic_or();
  Node logic_and();
  Node logic_not();
  Node comparison();
  Node sum();
  Node concatenation();
  Node product();
  Node power();
  Node unary(bool with_filters);
  Node primary();
  Node name_or_constant();
  Node bracketed();
  Node list_until(std::string_view close, int line, std::vector<Node> items);
  Node dict();
  Node postfix(Node node);
  Node subscript(Node object, int line);
  Node filters_and_tests(Node node);
  Node filter(Node input, int line);
  Node test(Node input, int line);
  Arguments arguments(int& height);
  Node left_associative(Node (ExpressionParser::*operand)(),
                        std::initializer_list<std::string_view> operators);

  TokenStream& tokens_;
};

}  // namespace paretune::chat
