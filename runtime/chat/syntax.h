// A template as a tree. Nodes are made by parser.cpp and never changed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/chat/value.h"

namespace paretune::chat {

struct Filter;     // filters.h
struct Predicate;  // predicates.h

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Arguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {  // and tuples
  std::vector<ExpressionPtr> items;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Unary {
  std::string op;  // - + not
  ExpressionPtr operand;
};
struct Binary {
  std::string op;  // + - * / // % ** ~ and or
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Comparison {  // a < b < c is (a < b) and (b < c)
  ExpressionPtr first;
  std::vector<std::pair<std::string, ExpressionPtr>> rest;  // == != < <= > >= in not_in
};
struct Conditional {
  ExpressionPtr condition;
  ExpressionPtr then;
  ExpressionPtr otherwise;  // may be null: undefined
};
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object;
  ExpressionPtr key;
};
struct Slice {
  ExpressionPtr object;
  ExpressionPtr begin, end, step;  // may be null
};
struct Call {
  ExpressionPtr callee;
  Arguments arguments;
};
struct FilterUse {
  const Filter* filter;
  ExpressionPtr input;  // null: the text of a filter block
  Arguments arguments;
};
struct PredicateUse {  // input is [not] predicate
  const Predicate* predicate;
  bool negated;
  ExpressionPtr input;
  Arguments arguments;
};

struct Expression {
  int line;
  std::variant<Literal, Name, ListLiteral, DictLiteral, Unary, Binary, Comparison, Conditional,
               Attribute, Subscript, Slice, Call, FilterUse, PredicateUse>
      node;
};

struct Statement;
using Body = std::vector<Statement>;

struct Text {
  MarkedText text;
};
struct Print {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  std::vector<std::string> targets;
  ExpressionPtr items;
  ExpressionPtr condition;  // may be null
  Body body;
  Body otherwise;  // where there are no items
};
struct Set {
  std::vector<std::string> targets;  // more than one: the value is unpacked
  std::string field;                 // of the namespace targets[0]; "": none
  ExpressionPtr value;               // null: the text of body, through filters
  Body body;
  std::vector<ExpressionPtr> filters;
};
struct FilterBlock {
  std::vector<ExpressionPtr> filters;
  Body body;
};
struct Macro {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with a default, or null
  Body body;
};
struct Block {  // {% generation %}
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line;
  std::variant<Text, Print, If, For, Set, FilterBlock, Macro, Block, Break, Continue> node;
};

struct Program {
  Body body;
};

}  // namespace paretune::chat
