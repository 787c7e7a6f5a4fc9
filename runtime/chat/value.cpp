#include "runtime/chat/value.h"

#include <algorithm>
#include <unordered_set>

#include "runtime/chat/characters.h"

namespace paretune::chat {
namespace {

constexpr int kMostDepth = 64;

int depth_of(const Value& value) {
  if (value.list()) return value.list()->depth;
  if (value.dict()) return value.dict()->depth;
  return 0;
}

int deeper(int depth) {
  if (depth >= kMostDepth) {
    throw ChatTemplateError("lists and dicts are nested more than " + std::to_string(kMostDepth) +
                            " levels deep");
  }
  return depth + 1;
}

Value loop_field(const Loop& loop, std::string_view name) {
  const auto size = static_cast<std::int64_t>(loop.items->items.size());
  const auto index = static_cast<std::int64_t>(loop.index);
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return size - index;
  if (name == "revindex0") return size - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == size;
  if (name == "length") return size;
  if (name == "depth") return std::int64_t{loop.depth};
  if (name == "depth0") return std::int64_t{loop.depth - 1};
  if (name == "previtem") return index == 0 ? Value() : loop.items->items[index - 1];
  if (name == "nextitem") return index + 1 == size ? Value() : loop.items->items[index + 1];
  throw ChatTemplateError("loop." + std::string(name) +
                          " is not supported; supported: index, index0, revindex, revindex0, "
                          "first, last, length, depth, depth0, previtem, nextitem");
}

}  // namespace

const MarkedText* Value::text() const {
  const TextPtr* text = get<TextPtr>();
  return text ? text->get() : nullptr;
}
const List* Value::list() const {
  const ListPtr* list = get<ListPtr>();
  return list ? list->get() : nullptr;
}
const Dict* Value::dict() const {
  const DictPtr* dict = get<DictPtr>();
  return dict ? dict->get() : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : items) {
    if (name->bytes() == key) return &value;
  }
  return nullptr;
}

Value make_text(Budget& budget, MarkedText text) {
  budget.make(sizeof(MarkedText) + text.size());
  return std::make_shared<const MarkedText>(std::move(text));
}

Value make_text(Budget& budget, std::string text, bool from_template) {
  return make_text(budget, MarkedText(std::move(text), from_template));
}

Value make_list(Budget& budget, std::vector<Value> items) {
  budget.make(sizeof(List) + items.size() * sizeof(Value));
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, depth_of(item));
  return std::make_shared<const List>(List{std::move(items), deeper(depth)});
}

Value make_dict(Budget& budget, std::vector<std::pair<TextPtr, Value>> items) {
  budget.make(sizeof(Dict) + items.size() * sizeof(items[0]));
  std::unordered_set<std::string_view> later;
  int depth = 0;
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    budget.scan(item->first->size());
    if (!later.insert(item->first->bytes()).second) item->first = nullptr;
    depth = std::max(depth, depth_of(item->second));
  }
  std::erase_if(items, [](const auto& item) { return !item.first; });
  return std::make_shared<const Dict>(Dict{std::move(items), deeper(depth)});
}

std::string_view type_name(const Value& value) {
  struct Names {
    std::string_view operator()(Undefined) const { return "undefined"; }
    std::string_view operator()(None) const { return "none"; }
    std::string_view operator()(bool) const { return "a boolean"; }
    std::string_view operator()(std::int64_t) const { return "an integer"; }
    std::string_view operator()(double) const { return "a float"; }
    std::string_view operator()(const TextPtr&) const { return "a string"; }
    std::string_view operator()(const ListPtr&) const { return "a list"; }
    std::string_view operator()(const DictPtr&) const { return "a dict"; }
    std::string_view operator()(const LoopPtr&) const { return "loop"; }
    std::string_view operator()(Namespace*) const { return "a namespace"; }
    std::string_view operator()(const Macro*) const { return "a macro"; }
    std::string_view operator()(const Function*) const { return "a function"; }
  };
  return std::visit(Names{}, value.variant());
}

bool is_true(const Value& value) {
  if (value.is<Undefined>() || value.is<None>()) return false;
  if (const bool* b = value.get<bool>()) return *b;
  if (const auto* i = value.get<std::int64_t>()) return *i != 0;
  if (const double* d = value.get<double>()) return *d != 0;
  if (value.text()) return !value.text()->empty();
  if (value.list()) return !value.list()->items.empty();
  if (value.dict()) return !value.dict()->items.empty();
  return true;
}

std::size_t length(Budget& budget, const Value& value) {
  if (value.is<Undefined>()) return 0;
  if (const MarkedText* text = value.text()) {
    budget.scan(text->size());
    return character_count(text->bytes());
  }
  if (value.list()) return value.list()->items.size();
  if (value.dict()) return value.dict()->items.size();
  throw ChatTemplateError(std::string(type_name(value)) + " has no length");
}

ListPtr to_list(Budget& budget, const Value& value) {
  if (const ListPtr* list = value.get<ListPtr>()) return *list;
  std::vector<Value> items;
  if (const MarkedText* text = value.text()) {
    for (std::size_t i = 0; i < text->size();) {
      const std::size_t end = i + character_bytes(text->bytes().substr(i));
      items.push_back(make_text(budget, text->substr(i, end)));
      i = end;
    }
  } else if (const Dict* dict = value.dict()) {
    for (const auto& [key, unused] : dict->items) items.push_back(key);
  } else if (!value.is<Undefined>()) {
    throw ChatTemplateError(std::string(type_name(value)) + " is not iterable");
  }
  return *make_list(budget, std::move(items)).get<ListPtr>();
}

Value attribute(Budget& budget, const Value& value, std::string_view name) {
  budget.scan(name.size());
  if (const Dict* dict = value.dict()) {
    budget.step(dict->items.size());
    const Value* found = dict->find(name);
    return found ? *found : Value();
  }
  if (Namespace* const* space = value.get<Namespace*>()) {
    const auto found = (*space)->fields.find(name);
    return found == (*space)->fields.end() ? Value() : found->second;
  }
  if (const LoopPtr* loop = value.get<LoopPtr>()) return loop_field(**loop, name);
  if (value.is<Undefined>()) {
    throw ChatTemplateError("'" + std::string(name) + "' of an undefined value");
  }
  return Value();
}

Value subscript(Budget& budget, const Value& value, const Value& key) {
  if (const MarkedText* name = key.text()) return attribute(budget, value, name->bytes());
  const std::int64_t* index = key.get<std::int64_t>();
  if (index && (value.list() || value.text())) {
    const auto size = static_cast<std::int64_t>(length(budget, value));
    const std::int64_t at = *index < 0 ? *index + size : *index;
    if (at < 0 || at >= size) return Value();
    if (value.list()) return value.list()->items[at];
    const std::string_view bytes = value.text()->bytes();
    const std::size_t begin = character_offset(bytes, at);
    return make_text(budget,
                     value.text()->substr(begin, begin + character_bytes(bytes.substr(begin))));
  }
  if (value.is<Undefined>()) throw ChatTemplateError("an item of an undefined value");
  return Value();
}

}  // namespace paretune::chat
