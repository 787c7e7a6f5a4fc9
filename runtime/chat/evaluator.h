// Runs a template: a walk over its tree.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "runtime/chat/functions.h"
#include "runtime/chat/syntax.h"

namespace paretune::chat {

class Evaluator {
 public:
  // environment outlives this; variables are the template's globals.
  Evaluator(Environment& environment, std::map<std::string_view, Value> variables);

  MarkedText run(const Program& program);

  int line() const { return line_; }  // of what is being run, or was when it threw

 private:
  enum class Flow { next, break_loop, continue_loop };
  struct Scope {
    Scope* parent;
    std::map<std::string_view, Value> variables;
  };
  class Level;

  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow run(const Text& node);
  Flow run(const Print& node);
  Flow run(const If& node);
  Flow run(const For& node);
  Flow run(const Set& node);
  Flow run(const FilterBlock& node);
  Flow run(const Macro& node);
  Flow run(const Block& node);
  Flow run(const Break&) { return Flow::break_loop; }
  Flow run(const Continue&) { return Flow::continue_loop; }

  Value evaluate(const Expression& expression);
  Value value_of(const Literal& node);
  Value value_of(const Name& node);
  Value value_of(const ListLiteral& node);
  Value value_of(const DictLiteral& node);
  Value value_of(const Unary& node);
  Value value_of(const Binary& node);
  Value value_of(const Comparison& node);
  Value value_of(const Conditional& node);
  Value value_of(const Attribute& node);
  Value value_of(const Subscript& node);
  Value value_of(const Slice& node);
  Value value_of(const Call& node);
  Value value_of(const FilterUse& node);
  Value value_of(const PredicateUse& node);

  const Value* find(std::string_view name) const;
  bool compare(std::string_view op, const Value& a, const Value& b);
  GivenArguments evaluate(const Arguments& arguments);
  Value apply(const FilterUse& use, const Value& input);
  Value call(const Macro& macro, const GivenArguments& arguments);
  void assign(const std::vector<std::string>& targets, const Value& value);
  void emit(const MarkedText& text);
  Value captured(const Body& body);                  // what it prints
  std::vector<Value> chosen_items(const For& node);  // those that its condition keeps

  Environment& environment_;
  Budget& budget_;
  Scope globals_;
  Scope* scope_ = &globals_;
  MarkedText* output_ = nullptr;
  int depth_ = 0;
  int loops_ = 0;
  int line_ = 1;
};

}  // namespace paretune::chat
