#include "runtime/chat/expression_parser.h"

#include <algorithm>
#include <charconv>

#include "runtime/chat/filters.h"
#include "runtime/chat/predicates.h"

namespace paretune::chat {

template <class T>
ExpressionParser::Node ExpressionParser::make(int line, T node, int height) {
  if (height >= tokens_.most_depth()) {
    tokens_.fail("an expression of more than " + std::to_string(tokens_.most_depth()) + " levels");
  }
  return {std::make_unique<const Expression>(Expression{line, std::move(node)}), height + 1};
}

ExpressionPtr ExpressionParser::parse() { return conditional().expression; }
ExpressionPtr ExpressionParser::parse_no_conditional() { return logic_or().expression; }

ExpressionPtr ExpressionParser::parse_tuple() {
  const int line = tokens_.line();
  Node first = conditional();
  if (!tokens_.accept_symbol(",")) return std::move(first.expression);
  std::vector<Node> items;
  items.push_back(std::move(first));
  return list_until("", line, std::move(items)).expression;
}

ExpressionParser::Node ExpressionParser::conditional() {
  const TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  Node then = logic_or();
  while (tokens_.accept_name("if")) {
    Node condition = logic_or();
    Node otherwise{nullptr, 0};
    if (tokens_.accept_name("else")) otherwise = conditional();
    const int height = std::max({then.height, condition.height, otherwise.height});
    then = make(line,
                Conditional{std::move(condition.expression), std::move(then.expression),
                            std::move(otherwise.expression)},
                height);
  }
  return then;
}

ExpressionParser::Node ExpressionParser::logic_or() {
  const int line = tokens_.line();
  Node left = logic_and();
  while (tokens_.accept_name("or")) {
    Node right = logic_and();
    const int height = std::max(left.height, right.height);
    left =
        make(line, Binary{"or", std::move(left.expression), std::move(right.expression)}, height);
  }
  return left;
}

ExpressionParser::Node ExpressionParser::logic_and() {
  const int line = tokens_.line();
  Node left = logic_not();
  while (tokens_.accept_name("and")) {
    Node right = logic_not();
    const int height = std::max(left.height, right.height);
    left =
        make(line, Binary{"and", std::move(left.expression), std::move(right.expression)}, height);
  }
  return left;
}

ExpressionParser::Node ExpressionParser::logic_not() {
  const int line = tokens_.line();
  if (!tokens_.accept_name("not")) return comparison();
  const TokenStream::Level level(tokens_);
  Node operand = logic_not();
  return make(line, Unary{"not", std::move(operand.expression)}, operand.height);
}

ExpressionParser::Node ExpressionParser::comparison() {
  const int line = tokens_.line();
  Node first = sum();
  Comparison chain{std::move(first.expression), {}};
  int height = first.height;
  for (;;) {
    std::string op;
    for (const char* symbol : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (op.empty() && tokens_.accept_symbol(symbol)) op = symbol;
    }
    if (op.empty() && tokens_.accept_name("in")) op = "in";
    if (op.empty() && tokens_.sees_name("not") && tokens_.sees(TokenKind::name, "in", 1)) {
      tokens_.next();
      tokens_.next();
      op = "not in";
    }
    if (op.empty()) break;
    Node operand = sum();
    height = std::max(height, operand.height);
    chain.rest.emplace_back(op, std::move(operand.expression));
  }
  if (chain.rest.empty()) return {std::move(chain.first), height};
  return make(line, std::move(chain), height);
}

ExpressionParser::Node ExpressionParser::left_associative(
    Node (ExpressionParser::*operand)(), std::initializer_list<std::string_view> operators) {
  const int line = tokens_.line();
  Node left = (this->*operand)();
  for (;;) {
    const auto op = std::find_if(operators.begin(), operators.end(),
                                 [&](auto symbol) { return tokens_.accept_symbol(symbol); });
    if (op == operators.end()) return left;
    Node right = (this->*operand)();
    const int height = std::max(left.height, right.height);
    left = make(line,
                Binary{std::string(*op), std::move(left.expression), std::move(right.expression)},
                height);
  }
}

ExpressionParser::Node ExpressionParser::sum() {
  return left_associative(&ExpressionParser::concatenation, {"+", "-"});
}
ExpressionParser::Node ExpressionParser::concatenation() {
  return left_associative(&ExpressionParser::product, {"~"});
}
ExpressionParser::Node ExpressionParser::product() {
  return left_associative(&ExpressionParser::power, {"*", "//", "/", "%"});
}

ExpressionParser::Node ExpressionParser::power() {
  const int line = tokens_.line();
  Node left = unary(true);
  while (tokens_.accept_symbol("**")) {
    Node right = unary(true);
    const int height = std::max(left.height, right.height);
    left =
        make(line, Binary{"**", std::move(left.expression), std::move(right.expression)}, height);
  }
  return left;
}

ExpressionParser::Node ExpressionParser::unary(bool with_filters) {
  const TokenStream::Level level(tokens_);
  const int line = tokens_.line();
  Node node{nullptr, 0};
  if (tokens_.sees_symbol("-") || tokens_.sees_symbol("+")) {
    const std::string op = tokens_.next().text;
    Node operand = unary(false);
    node = make(line, Unary{op, std::move(operand.expression)}, operand.height);
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filters ? filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionParser::Node ExpressionParser::primary() {
  const int line = tokens_.line();
  if (tokens_.sees(TokenKind::name)) return name_or_constant();
  if (tokens_.sees(TokenKind::string)) {
    std::string text;  // neighbouring strings are one
    while (tokens_.sees(TokenKind::string)) text += tokens_.next().text;
    return make(line, Literal{std::make_shared<const MarkedText>(std::move(text), true)}, 0);
  }
  if (tokens_.sees(TokenKind::integer) || tokens_.sees(TokenKind::floating)) {
    const bool integer = tokens_.sees(TokenKind::integer);
    const std::string text = tokens_.peek().text;
    std::int64_t i = 0;
    double d = 0;
    const auto error = integer ? std::from_chars(text.data(), text.data() + text.size(), i).ec
                               : std::from_chars(text.data(), text.data() + text.size(), d).ec;
    if (error != std::errc()) tokens_.fail("the number " + text + " is too large");
    tokens_.next();
    return make(line, Literal{integer ? Value(i) : Value(d)}, 0);
  }
  return bracketed();
}

ExpressionParser::Node ExpressionParser::name_or_constant() {
  const int line = tokens_.line();
  const std::string name = tokens_.next().text;
  if (name == "true" || name == "True") return make(line, Literal{true}, 0);
  if (name == "false" || name == "False") return make(line, Literal{false}, 0);
  if (name == "none" || name == "None") return make(line, Literal{None{}}, 0);
  return make(line, Name{name}, 0);
}

ExpressionParser::Node ExpressionParser::bracketed() {
  const int line = tokens_.line();
  if (tokens_.accept_symbol("[")) return list_until("]", line, {});
  if (tokens_.accept_symbol("{")) return dict();
  if (!tokens_.accept_symbol("(")) tokens_.fail("expected a value, found " + tokens_.found());
  if (tokens_.accept_symbol(")")) return make(line, ListLiteral{}, 0);
  Node first = conditional();
  if (tokens_.accept_symbol(")")) return first;
  tokens_.expect_symbol(",");
  std::vector<Node> items;
  items.push_back(std::move(first));
  return list_until(")", line, std::move(items));
}

// close: "" for a tuple without brackets, which ends where no value can start.
ExpressionParser::Node ExpressionParser::list_until(std::string_view close, int line,
                                                    std::vector<Node> items) {
  const auto at_end = [&] {
    if (!close.empty()) return tokens_.accept_symbol(close);
    return tokens_.sees(TokenKind::print_end) || tokens_.sees(TokenKind::block_end);
  };
  while (!at_end()) {
    items.push_back(conditional());
    if (at_end()) break;
    tokens_.expect_symbol(",");
  }
  ListLiteral list;
  int height = 0;
  for (Node& item : items) {
    height = std::max(height, item.height);
    list.items.push_back(std::move(item.expression));
  }
  return make(line, std::move(list), height);
}

ExpressionParser::Node ExpressionParser::dict() {
  const int line = tokens_.line();
  DictLiteral dict;
  int height = 0;
  while (!tokens_.accept_symbol("}")) {
    Node key = conditional();
    tokens_.expect_symbol(":");
    Node value = conditional();
    height = std::max({height, key.height, value.height});
    dict.items.emplace_back(std::move(key.expression), std::move(value.expression));
    if (tokens_.accept_symbol("}")) break;
    tokens_.expect_symbol(",");
  }
  return make(line, std::move(dict), height);
}

ExpressionParser::Node ExpressionParser::postfix(Node node) {
  for (;;) {
    const int line = tokens_.line();
    if (tokens_.accept_symbol(".")) {
      if (tokens_.sees(TokenKind::integer)) {  // items.0
        Node key = primary();
        const int height = std::max(node.height, key.height);
        node = make(line, Subscript{std::move(node.expression), std::move(key.expression)}, height);
      } else {
        const std::string name = tokens_.expect_identifier();
        node = make(line, Attribute{std::move(node.expression), name}, node.height);
      }
    } else if (tokens_.accept_symbol("[")) {
      node = subscript(std::move(node), line);
    } else if (tokens_.sees_symbol("(")) {
      int height = node.height;
      Arguments given = arguments(height);
      node = make(line, Call{std::move(node.expression), std::move(given)}, height);
    } else {
      return node;
    }
  }
}

ExpressionParser::Node ExpressionParser::subscript(Node object, int line) {
  int height = object.height;
  ExpressionPtr parts[3];
  int part = 0;
  bool slice = false;
  while (!tokens_.accept_symbol("]")) {
    if (tokens_.accept_symbol(":")) {
      slice = true;
      if (++part == 3) tokens_.fail("a slice has at most three parts");
    } else if (parts[part]) {
      tokens_.fail("expected ']', found " + tokens_.found());
    } else {
      Node value = conditional();
      height = std::max(height, value.height);
      parts[part] = std::move(value.expression);
    }
  }
  if (slice) {
    return make(line,
                Slice{std::move(object.expression), std::move(parts[0]), std::move(parts[1]),
                      std::move(parts[2])},
                height);
  }
  if (!parts[0]) tokens_.fail("expected a key within []");
  return make(line, Subscript{std::move(object.expression), std::move(parts[0])}, height);
}

ExpressionParser::Node ExpressionParser::filters_and_tests(Node node) {
  for (;;) {
    const int line = tokens_.line();
    if (tokens_.accept_symbol("|")) {
      node = filter(std::move(node), line);
    } else if (tokens_.accept_name("is")) {
      node = test(std::move(node), line);
    } else if (tokens_.sees_symbol("(")) {
      node = postfix(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionParser::Node ExpressionParser::filter(Node input, int line) {
  const std::string name = tokens_.expect_identifier();
  const Filter* known = find_filter(name);
  if (!known) {
    tokens_.fail("unknown filter '" + name + "'; supported: " + filter_names());
  }
  int height = input.height;
  Arguments given;
  if (tokens_.sees_symbol("(")) given = arguments(height);
  return make(line, FilterUse{known, std::move(input.expression), std::move(given)}, height);
}

ExpressionParser::Node ExpressionParser::test(Node input, int line) {
  const bool negated = tokens_.accept_name("not");
  const std::string name = tokens_.expect_identifier();
  const Predicate* known = find_predicate(name);
  if (!known) {
    tokens_.fail("unknown test '" + name + "'; supported: " + predicate_names());
  }
  int height = input.height;
  Arguments given;
  if (tokens_.sees_symbol("(")) {
    given = arguments(height);
  } else {
    // One argument may stand without brackets: x is divisibleby 3.
    const TokenKind kind = tokens_.peek().kind;
    const bool value = kind == TokenKind::string || kind == TokenKind::integer ||
                       kind == TokenKind::floating || tokens_.sees_symbol("[") ||
                       tokens_.sees_symbol("{");
    const bool word = kind == TokenKind::name && !tokens_.sees_name("else") &&
                      !tokens_.sees_name("or") && !tokens_.sees_name("and") &&
                      !tokens_.sees_name("if") && !tokens_.sees_name("is") &&
                      !tokens_.sees_name("not") && !tokens_.sees_name("in");
    if (value || word) {
      Node argument = postfix(primary());
      height = std::max(height, argument.height);
      given.positional.push_back(std::move(argument.expression));
    }
  }
  return make(line, PredicateUse{known, negated, std::move(input.expression), std::move(given)},
              height);
}

Arguments ExpressionParser::arguments(int& height) {
  Arguments given;
  tokens_.expect_symbol("(");
  while (!tokens_.accept_symbol(")")) {
    const bool named = tokens_.sees(TokenKind::name) && tokens_.sees(TokenKind::symbol, "=", 1);
    std::string name;
    if (named) {
      name = tokens_.next().text;
      tokens_.next();
    } else if (!given.named.empty()) {
      tokens_.fail("a positional argument behind a named one");
    }
    Node value = conditional();
    height = std::max(height, value.height);
    if (named) {
      given.named.emplace_back(name, std::move(value.expression));
    } else {
      given.positional.push_back(std::move(value.expression));
    }
    if (tokens_.accept_symbol(")")) break;
    tokens_.expect_symbol(",");
  }
  return given;
}

std::vector<ExpressionPtr> ExpressionParser::parse_filters() {
  std::vector<ExpressionPtr> filters;
  do {
    filters.push_back(filter(Node{nullptr, 0}, tokens_.line()).expression);
  } while (tokens_.accept_symbol("|"));
  return filters;
}

}  // namespace paretune::chat
