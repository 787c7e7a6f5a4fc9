// The values of a template: Python's, as far as templates show them. Immutable, but for namespaces.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/chat/budget.h"
#include "runtime/chat/marked_text.h"

namespace paretune::chat {

class Value;
struct List;
struct Dict;
struct Loop;
struct Macro;     // syntax.h
struct Function;  // functions.h

// What {% set ns = namespace() %} makes; owned by the render, so that references may go in circles.
struct Namespace {
  std::map<std::string, Value, std::less<>> fields;
};

struct Undefined {};
struct None {};
using TextPtr = std::shared_ptr<const MarkedText>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using LoopPtr = std::shared_ptr<const Loop>;

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, std::int64_t, double, TextPtr, ListPtr,
                               DictPtr, LoopPtr, Namespace*, const Macro*, const Function*>;

  Value() = default;  // undefined
  Value(None none) : value_(none) {}
  Value(bool value) : value_(value) {}
  Value(std::int64_t value) : value_(value) {}
  Value(double value) : value_(value) {}
  Value(TextPtr text) : value_(std::move(text)) {}
  Value(ListPtr list) : value_(std::move(list)) {}
  Value(DictPtr dict) : value_(std::move(dict)) {}
  Value(LoopPtr loop) : value_(std::move(loop)) {}
  Value(Namespace* space) : value_(space) {}
  Value(const Macro* macro) : value_(macro) {}
  Value(const Function* function) : value_(function) {}

  template <class T>
  const T* get() const {
    return std::get_if<T>(&value_);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(value_);
  }
  const Variant& variant() const { return value_; }

  // nullptr if it is something else.
  const MarkedText* text() const;
  const List* list() const;
  const Dict* dict() const;

 private:
  Variant value_;
};

// depth: levels of lists and dicts, so that nothing that walks a value runs out of stack.
struct List {
  std::vector<Value> items;
  int depth;
};
struct Dict {
  std::vector<std::pair<TextPtr, Value>> items;  // in the order of insertion; keys are unique
  int depth;

  const Value* find(std::string_view key) const;
};

// The variable `loop` of a for.
struct Loop {
  ListPtr items;
  std::size_t index;  // from 0
  int depth;          // of nested loops, from 1
};

Value make_text(Budget& budget, MarkedText text);
Value make_text(Budget& budget, std::string text, bool from_template);
Value make_list(Budget& budget, std::vector<Value> items);
// Of equal keys the last counts.
Value make_dict(Budget& budget, std::vector<std::pair<TextPtr, Value>> items);

std::string_view type_name(const Value& value);  // for messages
bool is_true(const Value& value);
// As Python's str(); parts that users wrote keep their mark.
MarkedText to_text(Budget& budget, const Value& value);
// As json.dumps(ensure_ascii=False); indent < 0: on one line.
MarkedText to_json(Budget& budget, const Value& value, int indent);

// Python's == and <. less() throws ChatTemplateError for types without an order.
bool equals(Budget& budget, const Value& a, const Value& b);
bool less(Budget& budget, const Value& a, const Value& b);
bool contains(Budget& budget, const Value& container, const Value& item);

// Characters, items or keys. Throws if there is no length.
std::size_t length(Budget& budget, const Value& value);
// What a for goes through: items, keys, characters; undefined is empty. Throws if not iterable.
ListPtr to_list(Budget& budget, const Value& value);
// value.name and value[key]; undefined where there is none, an error on undefined.
Value attribute(Budget& budget, const Value& value, std::string_view name);
Value subscript(Budget& budget, const Value& value, const Value& key);

}  // namespace paretune::chat
