#include "runtime/chat/evaluator.h"

#include <algorithm>

#include "runtime/chat/filters.h"
#include "runtime/chat/methods.h"
#include "runtime/chat/operators.h"
#include "runtime/chat/predicates.h"

namespace paretune::chat {

// One step of the budget and one level of nesting, while a node runs.
class Evaluator::Level {
 public:
  Level(Evaluator& evaluator, int line) : evaluator_(evaluator), line_(evaluator.line_) {
    evaluator_.line_ = line;
    evaluator_.budget_.step();
    if (++evaluator_.depth_ > evaluator_.budget_.depth()) {
      throw ChatTemplateError("the template exceeds its limit of " +
                              std::to_string(evaluator_.budget_.depth()) + " nested calls");
    }
  }
  ~Level() {
    --evaluator_.depth_;
    if (std::uncaught_exceptions() == 0) evaluator_.line_ = line_;  // an error keeps its line
  }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  Evaluator& evaluator_;
  int line_;
};

Evaluator::Evaluator(Environment& environment, std::map<std::string_view, Value> variables)
    : environment_(environment),
      budget_(environment.budget),
      globals_{nullptr, std::move(variables)} {
  for (const Function& function : functions()) {
    if (function.needs_now && !environment.now) continue;
    globals_.variables.try_emplace(function.name, &function);
  }
}

MarkedText Evaluator::run(const Program& program) {
  MarkedText output;
  output_ = &output;
  execute(program.body);
  output_ = nullptr;
  return output;
}

Evaluator::Flow Evaluator::execute(const Body& body) {
  for (const Statement& statement : body) {
    if (const Flow flow = execute(statement); flow != Flow::next) return flow;
  }
  return Flow::next;
}

Evaluator::Flow Evaluator::execute(const Statement& statement) {
  const Level level(*this, statement.line);
  return std::visit([&](const auto& node) { return run(node); }, statement.node);
}

void Evaluator::emit(const MarkedText& text) {
  budget_.make(text.size());
  budget_.check_output(output_->size() + text.size());
  output_->append(text);
}

Evaluator::Flow Evaluator::run(const Text& node) {
  emit(node.text);
  return Flow::next;
}

Evaluator::Flow Evaluator::run(const Print& node) {
  const Value value = evaluate(*node.value);
  if (const MarkedText* text = value.text()) {
    emit(*text);
  } else {
    emit(to_text(budget_, value));
  }
  return Flow::next;
}

Evaluator::Flow Evaluator::run(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    if (is_true(evaluate(*condition))) return execute(body);
  }
  return execute(node.otherwise);
}

std::vector<Value> Evaluator::chosen_items(const For& node) {
  std::vector<Value> items = to_list(budget_, evaluate(*node.items))->items;
  budget_.make(items.size() * sizeof(Value));
  if (!node.condition) return items;
  std::vector<Value> chosen;
  for (Value& item : items) {
    Scope scope{scope_, {}};
    scope_ = &scope;
    assign(node.targets, item);
    const bool keep = is_true(evaluate(*node.condition));
    scope_ = scope.parent;
    if (keep) chosen.push_back(std::move(item));
  }
  return chosen;
}

Evaluator::Flow Evaluator::run(const For& node) {
  const ListPtr items = *make_list(budget_, chosen_items(node)).get<ListPtr>();
  if (items->items.empty()) return execute(node.otherwise);
  ++loops_;
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    budget_.step();
    Scope scope{scope_, {}};
    scope_ = &scope;
    scope.variables["loop"] = std::make_shared<const Loop>(Loop{items, i, loops_});
    assign(node.targets, items->items[i]);
    const Flow flow = execute(node.body);
    scope_ = scope.parent;
    if (flow == Flow::break_loop) break;
  }
  --loops_;
  return Flow::next;
}

void Evaluator::assign(const std::vector<std::string>& targets, const Value& value) {
  if (targets.size() == 1) {
    budget_.make(sizeof(Value));
    scope_->variables.insert_or_assign(targets[0], value);
    return;
  }
  const ListPtr parts = to_list(budget_, value);
  if (parts->items.size() != targets.size()) {
    throw ChatTemplateError("expected " + std::to_string(targets.size()) +
                            " values to unpack, found " + std::to_string(parts->items.size()));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    scope_->variables.insert_or_assign(targets[i], parts->items[i]);
  }
}

Value Evaluator::captured(const Body& body) {
  MarkedText text;
  MarkedText* const outer = std::exchange(output_, &text);
  execute(body);
  output_ = outer;
  return make_text(budget_, std::move(text));
}

Value Evaluator::apply(const FilterUse& use, const Value& input) {
  return use.filter->apply(budget_, input,
                           bind(use.filter->name, use.filter->parameters, evaluate(use.arguments)));
}

Evaluator::Flow Evaluator::run(const Set& node) {
  Value value;
  if (node.value) {
    value = evaluate(*node.value);
  } else {
    value = captured(node.body);
    for (const ExpressionPtr& filter : node.filters) {
      value = apply(std::get<FilterUse>(filter->node), value);
    }
  }
  if (node.field.empty()) {
    assign(node.targets, value);
    return Flow::next;
  }
  const Value* found = find(node.targets[0]);
  Namespace* const* space = found ? found->get<Namespace*>() : nullptr;
  if (!space) throw ChatTemplateError("'" + node.targets[0] + "' is not a namespace");
  budget_.make(sizeof(Value) + node.field.size());
  (*space)->fields.insert_or_assign(node.field, value);
  return Flow::next;
}

Evaluator::Flow Evaluator::run(const FilterBlock& node) {
  Value value = captured(node.body);
  for (const ExpressionPtr& filter : node.filters) {
    value = apply(std::get<FilterUse>(filter->node), value);
  }
  emit(to_text(budget_, value));
  return Flow::next;
}

Evaluator::Flow Evaluator::run(const Macro& node) {
  scope_->variables.insert_or_assign(node.name, &node);
  return Flow::next;
}

Evaluator::Flow Evaluator::run(const Block& node) { return execute(node.body); }

// A macro sees its parameters and the globals. What is not given takes its default, or is
// undefined.
Value Evaluator::call(const Macro& macro, const GivenArguments& arguments) {
  Scope scope{&globals_, {}};
  if (arguments.positional.size() > macro.parameters.size()) {
    throw ChatTemplateError(macro.name + " takes at most " +
                            std::to_string(macro.parameters.size()) + " arguments");
  }
  for (const auto& [name, value] : arguments.named) {
    const auto known = [wanted = name](const auto& parameter) { return parameter.first == wanted; };
    if (std::none_of(macro.parameters.begin(), macro.parameters.end(), known)) {
      throw ChatTemplateError(macro.name + " has no parameter '" + std::string(name) + "'");
    }
    scope.variables.insert_or_assign(name, value);
  }
  Scope* const outer = std::exchange(scope_, &scope);
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, otherwise] = macro.parameters[i];
    if (i < arguments.positional.size()) {
      scope.variables.insert_or_assign(name, arguments.positional[i]);
    } else if (!scope.variables.contains(name)) {
      scope.variables[name] = otherwise ? evaluate(*otherwise) : Value();
    }
  }
  Value text = captured(macro.body);
  scope_ = outer;
  return text;
}

const Value* Evaluator::find(std::string_view name) const {
  for (const Scope* scope = scope_; scope; scope = scope->parent) {
    if (const auto found = scope->variables.find(name); found != scope->variables.end()) {
      return &found->second;
    }
  }
  return nullptr;
}

Value Evaluator::evaluate(const Expression& expression) {
  const Level level(*this, expression.line);
  return std::visit([&](const auto& node) { return value_of(node); }, expression.node);
}

GivenArguments Evaluator::evaluate(const Arguments& arguments) {
  GivenArguments given;
  for (const ExpressionPtr& each : arguments.positional)
    given.positional.push_back(evaluate(*each));
  for (const auto& [name, each] : arguments.named) given.named.emplace_back(name, evaluate(*each));
  return given;
}

Value Evaluator::value_of(const Literal& node) { return node.value; }

Value Evaluator::value_of(const Name& node) {
  budget_.scan(node.name.size());
  const Value* found = find(node.name);
  return found ? *found : Value();
}

Value Evaluator::value_of(const ListLiteral& node) {
  std::vector<Value> items;
  for (const ExpressionPtr& item : node.items) items.push_back(evaluate(*item));
  return make_list(budget_, std::move(items));
}

Value Evaluator::value_of(const DictLiteral& node) {
  std::vector<std::pair<TextPtr, Value>> items;
  for (const auto& [key, value] : node.items) {
    const Value name = evaluate(*key);
    const TextPtr* text = name.get<TextPtr>();
    if (!text) {
      throw ChatTemplateError("keys are strings, not " + std::string(type_name(name)));
    }
    items.emplace_back(*text, evaluate(*value));
  }
  return make_dict(budget_, std::move(items));
}

Value Evaluator::value_of(const Unary& node) {
  const Value value = evaluate(*node.operand);
  if (node.op == "not") return !is_true(value);
  const Value negated = negative(value);  // also for +: the operand must be a number
  return node.op == "-" ? negated : value;
}

Value Evaluator::value_of(const Binary& node) {
  Value left = evaluate(*node.left);
  if (node.op == "and") return is_true(left) ? evaluate(*node.right) : left;
  if (node.op == "or") return is_true(left) ? left : evaluate(*node.right);
  return binary_operation(budget_, node.op, left, evaluate(*node.right));
}

bool Evaluator::compare(std::string_view op, const Value& a, const Value& b) {
  if (op == "==") return equals(budget_, a, b);
  if (op == "!=") return !equals(budget_, a, b);
  if (op == "in") return contains(budget_, b, a);
  if (op == "not in") return !contains(budget_, b, a);
  if (op == "<") return less(budget_, a, b);
  if (op == ">") return less(budget_, b, a);
  if (op == "<=") return less(budget_, a, b) || equals(budget_, a, b);
  return less(budget_, b, a) || equals(budget_, a, b);  // >=
}

Value Evaluator::value_of(const Comparison& node) {
  Value left = evaluate(*node.first);
  for (const auto& [op, operand] : node.rest) {
    Value right = evaluate(*operand);
    if (!compare(op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::value_of(const Conditional& node) {
  if (is_true(evaluate(*node.condition))) return evaluate(*node.then);
  return node.otherwise ? evaluate(*node.otherwise) : Value();
}

Value Evaluator::value_of(const Attribute& node) {
  return attribute(budget_, evaluate(*node.object), node.name);
}

Value Evaluator::value_of(const Subscript& node) {
  const Value object = evaluate(*node.object);
  return subscript(budget_, object, evaluate(*node.key));
}

Value Evaluator::value_of(const Slice& node) {
  const Value object = evaluate(*node.object);
  const auto part = [&](const ExpressionPtr& each) { return each ? evaluate(*each) : Value(); };
  const Value begin = part(node.begin), end = part(node.end), step = part(node.step);
  return slice(budget_, object, begin, end, step);
}

Value Evaluator::value_of(const Call& node) {
  Value callee;
  if (const auto* member = std::get_if<Attribute>(&node.callee->node)) {
    const Value self = evaluate(*member->object);
    if (const Method* method = find_method(self, member->name)) {
      const Bound bound = bind(method->name, method->parameters, evaluate(node.arguments));
      return method->call(budget_, self, bound);
    }
    callee = attribute(budget_, self, member->name);
    if (callee.is<Undefined>()) {
      throw ChatTemplateError(std::string(type_name(self)) + " has no method '" + member->name +
                              "'; supported: " + method_names(self));
    }
  } else {
    callee = evaluate(*node.callee);
  }
  const GivenArguments arguments = evaluate(node.arguments);
  if (const auto* macro = callee.get<const Macro*>()) return call(**macro, arguments);
  if (const auto* function = callee.get<const Function*>()) {
    return (*function)->call(environment_, arguments);
  }
  const auto* name = std::get_if<Name>(&node.callee->node);
  throw ChatTemplateError((name ? "'" + name->name + "', " : std::string()) +
                          std::string(type_name(callee)) +
                          ", cannot be called; functions: " + names_of(functions()));
}

Value Evaluator::value_of(const FilterUse& node) { return apply(node, evaluate(*node.input)); }

Value Evaluator::value_of(const PredicateUse& node) {
  const Value input = evaluate(*node.input);
  const Bound bound =
      bind(node.predicate->name, node.predicate->parameters, evaluate(node.arguments));
  return node.predicate->holds(budget_, input, bound) != node.negated;
}

}  // namespace paretune::chat
