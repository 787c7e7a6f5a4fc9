#include "runtime/chat/parser.h"

#include <algorithm>
#include <array>

#include "runtime/chat/expression_parser.h"
#include "runtime/chat/lexer.h"
#include "runtime/chat/token_stream.h"

namespace paretune::chat {
namespace {

class StatementParser {
 public:
  explicit StatementParser(TokenStream& tokens) : tokens_(tokens), expressions_(tokens) {}

  // Up to the end, or to a tag with one of the names in stops, whose name is then next.
  Body body(std::initializer_list<std::string_view> stops) {
    const TokenStream::Level level(tokens_);
    Body body;
    for (;;) {
      const int line = tokens_.line();
      if (tokens_.sees(TokenKind::end)) {
        if (stops.size() > 0)
          tokens_.fail("expected {% " + std::string(*(stops.end() - 1)) + " %}");
        return body;
      }
      if (tokens_.sees(TokenKind::text)) {
        body.push_back({line, Text{MarkedText(tokens_.next().text, true)}});
      } else if (tokens_.sees(TokenKind::print_begin)) {
        tokens_.next();
        body.push_back({line, Print{expressions_.parse_tuple()}});
        tokens_.expect(TokenKind::print_end, "}}");
      } else {
        tokens_.expect(TokenKind::block_begin, "{%");
        if (std::any_of(stops.begin(), stops.end(),
                        [&](std::string_view stop) { return tokens_.sees_name(stop); })) {
          return body;
        }
        body.push_back(statement(line));
      }
    }
  }

 private:
  Statement statement(int line) {
    struct Row {
      std::string_view tag;
      Statement (StatementParser::*parse)(int line);
    };
    static constexpr std::array kStatements{
        Row{"if", &StatementParser::if_statement},
        Row{"for", &StatementParser::for_statement},
        Row{"set", &StatementParser::set_statement},
        Row{"macro", &StatementParser::macro_statement},
        Row{"filter", &StatementParser::filter_statement},
        Row{"generation", &StatementParser::generation_statement},
        Row{"break", &StatementParser::break_statement},
        Row{"continue", &StatementParser::continue_statement},
    };
    for (const Row& row : kStatements) {
      if (tokens_.accept_name(row.tag)) return (this->*row.parse)(line);
    }
    std::string known;
    for (const Row& row : kStatements) known.append(known.empty() ? "" : ", ").append(row.tag);
    tokens_.fail("unexpected tag " + tokens_.found() + "; supported: " + known + ", raw");
  }

  void end_tag() { tokens_.expect(TokenKind::block_end, "%}"); }
  void end_tag(std::string_view name) {
    if (!tokens_.accept_name(name)) {
      tokens_.fail("expected {% " + std::string(name) + " %}, found " + tokens_.found());
    }
    end_tag();
  }

  // A body whose text is a value; a loop outside cannot be left from within.
  Body captured_body(std::string_view stop) {
    const int loops = std::exchange(loops_, 0);
    Body captured = body({stop});
    loops_ = loops;
    return captured;
  }

  Statement if_statement(int line) {
    If node;
    do {
      ExpressionPtr condition = expressions_.parse_tuple();
      end_tag();
      node.branches.emplace_back(std::move(condition), body({"elif", "else", "endif"}));
    } while (tokens_.accept_name("elif"));
    if (tokens_.accept_name("else")) {
      end_tag();
      node.otherwise = body({"endif"});
    }
    end_tag("endif");
    return {line, std::move(node)};
  }

  std::vector<std::string> targets() {
    const bool brackets = tokens_.accept_symbol("(");
    std::vector<std::string> names{tokens_.expect_identifier()};
    while (tokens_.accept_symbol(",")) names.push_back(tokens_.expect_identifier());
    if (brackets) tokens_.expect_symbol(")");
    return names;
  }

  Statement for_statement(int line) {
    For node;
    node.targets = targets();
    if (!tokens_.accept_name("in")) tokens_.fail("expected 'in', found " + tokens_.found());
    node.items = expressions_.parse_no_conditional();
    if (tokens_.accept_name("if")) node.condition = expressions_.parse();
    if (tokens_.sees_name("recursive")) tokens_.fail("recursive loops are not supported");
    end_tag();
    ++loops_;
    node.body = body({"else", "endfor"});
    --loops_;
    if (tokens_.accept_name("else")) {
      end_tag();
      node.otherwise = body({"endfor"});
    }
    end_tag("endfor");
    return {line, std::move(node)};
  }

  Statement set_statement(int line) {
    Set node;
    node.targets = targets();
    if (node.targets.size() == 1 && tokens_.accept_symbol(".")) {
      node.field = tokens_.expect_identifier();
    }
    if (tokens_.accept_symbol("=")) {
      node.value = expressions_.parse_tuple();
      end_tag();
      return {line, std::move(node)};
    }
    if (node.targets.size() > 1) tokens_.fail("expected '=', found " + tokens_.found());
    if (tokens_.accept_symbol("|")) node.filters = expressions_.parse_filters();
    end_tag();
    node.body = captured_body("endset");
    end_tag("endset");
    return {line, std::move(node)};
  }

  Statement macro_statement(int line) {
    Macro node;
    node.name = tokens_.expect_identifier();
    tokens_.expect_symbol("(");
    while (!tokens_.accept_symbol(")")) {
      std::string name = tokens_.expect_identifier();
      ExpressionPtr otherwise;
      if (tokens_.accept_symbol("=")) otherwise = expressions_.parse();
      node.parameters.emplace_back(std::move(name), std::move(otherwise));
      if (tokens_.accept_symbol(")")) break;
      tokens_.expect_symbol(",");
    }
    end_tag();
    node.body = captured_body("endmacro");
    end_tag("endmacro");
    return {line, std::move(node)};
  }

  Statement filter_statement(int line) {
    FilterBlock node;
    node.filters = expressions_.parse_filters();
    end_tag();
    node.body = captured_body("endfilter");
    end_tag("endfilter");
    return {line, std::move(node)};
  }

  // Hugging Face's mark around what the assistant says; it matters to training only.
  Statement generation_statement(int line) {
    end_tag();
    Block node{body({"endgeneration"})};
    end_tag("endgeneration");
    return {line, std::move(node)};
  }

  Statement break_statement(int line) {
    if (loops_ == 0) tokens_.fail("break outside of a loop");
    end_tag();
    return {line, Break{}};
  }
  Statement continue_statement(int line) {
    if (loops_ == 0) tokens_.fail("continue outside of a loop");
    end_tag();
    return {line, Continue{}};
  }

  TokenStream& tokens_;
  ExpressionParser expressions_;
  int loops_ = 0;  // around the statement under way
};

}  // namespace

Program parse_template(std::string_view source, int most_depth) {
  TokenStream tokens(tokenize(source), most_depth);
  return Program{StatementParser(tokens).body({})};
}

}  // namespace paretune::chat
