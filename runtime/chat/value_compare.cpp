// ==, < and in, as Python has them.
#include <algorithm>

#include "runtime/chat/characters.h"
#include "runtime/chat/value.h"

namespace paretune::chat {
namespace {

// Booleans are integers.
const std::int64_t* as_integer(const Value& value, std::int64_t& storage) {
  if (const bool* b = value.get<bool>()) {
    storage = *b;
    return &storage;
  }
  return value.get<std::int64_t>();
}

const double* as_number(const Value& value, double& storage) {
  std::int64_t integer;
  if (const std::int64_t* i = as_integer(value, integer)) {
    storage = static_cast<double>(*i);
    return &storage;
  }
  return value.get<double>();
}

// -1, 0, 1; 2 if the two are not both numbers, or one is NaN.
int compare_numbers(const Value& a, const Value& b) {
  std::int64_t ia, ib;
  const std::int64_t *x = as_integer(a, ia), *y = as_integer(b, ib);
  if (x && y) return *x < *y ? -1 : *x > *y ? 1 : 0;
  double da, db;
  const double *u = as_number(a, da), *v = as_number(b, db);
  if (!u || !v || *u != *u || *v != *v) return 2;
  return *u < *v ? -1 : *u > *v ? 1 : 0;
}

bool equal_lists(Budget& budget, const List& a, const List& b) {
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(),
                    [&](const Value& x, const Value& y) { return equals(budget, x, y); });
}

bool equal_dicts(Budget& budget, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    budget.step(b.items.size());
    const Value* other = b.find(item.first->bytes());
    return other && equals(budget, item.second, *other);
  });
}

}  // namespace

bool equals(Budget& budget, const Value& a, const Value& b) {
  budget.step();
  if (const int order = compare_numbers(a, b); order != 2) return order == 0;
  if (a.text() && b.text()) {
    budget.scan(std::min(a.text()->size(), b.text()->size()));
    return a.text()->bytes() == b.text()->bytes();
  }
  if (a.list() && b.list()) return equal_lists(budget, *a.list(), *b.list());
  if (a.dict() && b.dict()) return equal_dicts(budget, *a.dict(), *b.dict());
  if (a.is<Namespace*>() && b.is<Namespace*>()) {
    return *a.get<Namespace*>() == *b.get<Namespace*>();
  }
  return (a.is<None>() && b.is<None>()) || (a.is<Undefined>() && b.is<Undefined>());
}

bool less(Budget& budget, const Value& a, const Value& b) {
  budget.step();
  if (const int order = compare_numbers(a, b); order != 2) return order < 0;
  if (a.text() && b.text()) {
    budget.scan(std::min(a.text()->size(), b.text()->size()));
    return a.text()->bytes() < b.text()->bytes();  // UTF-8 sorts as its characters do
  }
  if (a.list() && b.list()) {
    const auto& x = a.list()->items;
    const auto& y = b.list()->items;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equals(budget, x[i], y[i])) return less(budget, x[i], y[i]);
    }
    return x.size() < y.size();
  }
  double da, db;
  if (as_number(a, da) && as_number(b, db)) return false;  // NaN
  throw ChatTemplateError(std::string(type_name(a)) + " and " + std::string(type_name(b)) +
                          " have no order");
}

bool contains(Budget& budget, const Value& container, const Value& item) {
  if (const MarkedText* text = container.text()) {
    if (!item.text()) {
      throw ChatTemplateError("'in' a string takes a string, not " + std::string(type_name(item)));
    }
    budget.scan(text->size() + item.text()->size());
    return find_text(text->bytes(), item.text()->bytes(), 0) != std::string_view::npos;
  }
  if (const List* list = container.list()) {
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& each) { return equals(budget, each, item); });
  }
  if (const Dict* dict = container.dict()) {
    budget.step(dict->items.size());
    return item.text() && dict->find(item.text()->bytes());
  }
  if (container.is<Undefined>()) return false;
  throw ChatTemplateError("'in' " + std::string(type_name(container)));
}

}  // namespace paretune::chat
