#include "runtime/chat/sequence_filters.h"

#include <algorithm>
#include <charconv>

#include "runtime/chat/filters.h"
#include "runtime/chat/predicates.h"
#include "runtime/chat/text_operations.h"

namespace paretune::chat {
namespace {

// "a.b.0": attributes and indices, as map(attribute=…) takes them.
Value dotted(Budget& budget, Value value, std::string_view path) {
  for (;;) {
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_index = error == std::errc() && end == name.data() + name.size();
    value = is_index ? subscript(budget, value, index) : attribute(budget, value, name);
    if (dot == path.npos) return value;
    path.remove_prefix(dot + 1);
  }
}

Value attribute_named(Budget& budget, const Value& value, const Value& name) {
  if (name.is<std::int64_t>()) return subscript(budget, value, name);
  return dotted(budget, value, text_argument(name, "the attribute").bytes());
}

bool given(const Value& argument) { return !argument.is<Undefined>() && !argument.is<None>(); }

// What sort, unique, min and max compare: the attribute if one is named, strings in lower case
// unless told otherwise.
Value sort_key(Budget& budget, const Value& item, const Value& case_sensitive,
               const Value& attribute_name) {
  const Value key = given(attribute_name) ? attribute_named(budget, item, attribute_name) : item;
  return key.text() && !is_true(case_sensitive) ? lower_case(budget, *key.text()) : key;
}

Value extreme(Budget& budget, const Value& input, const Bound& arguments, bool largest) {
  const ListPtr list = to_list(budget, input);
  Value best, best_key;
  for (const Value& item : list->items) {
    const Value key = sort_key(budget, item, arguments[0], arguments[1]);
    const bool better = best_key.is<Undefined>() ||
                        (largest ? less(budget, best_key, key) : less(budget, key, best_key));
    if (better) {
      best = item;
      best_key = key;
    }
  }
  return best;
}

// first: where the test's name is among the arguments; its own arguments follow.
bool passes(Budget& budget, const Value& value, const Bound& arguments, std::size_t first) {
  if (arguments[first].is<Undefined>()) return is_true(value);
  const std::string_view name = text_argument(arguments[first], "a test").bytes();
  const Predicate* predicate = find_predicate(name);
  if (!predicate) {
    throw ChatTemplateError("unknown test '" + std::string(name) +
                            "'; supported: " + predicate_names());
  }
  Bound own;
  std::copy(arguments.begin() + first + 1, arguments.end(), own.begin());
  return predicate->holds(budget, value, own);
}

Value selected(Budget& budget, const Value& input, const Bound& arguments, bool by_attribute,
               bool keep) {
  std::vector<Value> kept;
  const ListPtr list = to_list(budget, input);
  for (const Value& item : list->items) {
    budget.step();
    const bool pass =
        by_attribute ? passes(budget, attribute_named(budget, item, arguments[0]), arguments, 1)
                     : passes(budget, item, arguments, 0);
    if (pass == keep) kept.push_back(item);
  }
  return make_list(budget, std::move(kept));
}

}  // namespace

Value pairs_of(Budget& budget, const Dict& dict) {
  std::vector<Value> pairs;
  for (const auto& [key, value] : dict.items) {
    pairs.push_back(make_list(budget, {Value(key), value}));
  }
  return make_list(budget, std::move(pairs));
}

Value filter_first(Budget& budget, const Value& input, const Bound&) {
  if (input.text()) return subscript(budget, input, std::int64_t{0});
  const ListPtr list = to_list(budget, input);
  return list->items.empty() ? Value() : list->items.front();
}

Value filter_last(Budget& budget, const Value& input, const Bound&) {
  if (input.text()) return subscript(budget, input, std::int64_t{-1});
  const ListPtr list = to_list(budget, input);
  return list->items.empty() ? Value() : list->items.back();
}

Value filter_list(Budget& budget, const Value& input, const Bound&) {
  return to_list(budget, input);
}

Value filter_items(Budget& budget, const Value& input, const Bound&) {
  if (input.is<Undefined>()) return make_list(budget, {});
  if (!input.dict()) {
    throw ChatTemplateError("items takes a dict, not " + std::string(type_name(input)));
  }
  return pairs_of(budget, *input.dict());
}

Value filter_dictsort(Budget& budget, const Value& input, const Bound& arguments) {
  const Bound by_key{false, arguments[0], std::int64_t{0}, Value()};
  return filter_sort(budget, filter_items(budget, input, {}), by_key);
}

Value filter_reverse(Budget& budget, const Value& input, const Bound&) {
  const ListPtr list = to_list(budget, input);
  std::vector<Value> items(list->items.rbegin(), list->items.rend());
  if (input.text()) return joined(budget, items, {});
  return make_list(budget, std::move(items));
}

// reverse, case_sensitive, attribute
Value filter_sort(Budget& budget, const Value& input, const Bound& arguments) {
  const ListPtr list = to_list(budget, input);
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : list->items) {
    keyed.emplace_back(sort_key(budget, item, arguments[1], arguments[2]), item);
  }
  const bool reverse = is_true(arguments[0]);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(budget, b.first, a.first) : less(budget, a.first, b.first);
  });
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return make_list(budget, std::move(items));
}

// case_sensitive, attribute
Value filter_unique(Budget& budget, const Value& input, const Bound& arguments) {
  std::vector<Value> keys, items;
  const ListPtr list = to_list(budget, input);
  for (const Value& item : list->items) {
    const Value key = sort_key(budget, item, arguments[0], arguments[1]);
    const auto same = [&](const Value& other) { return equals(budget, key, other); };
    if (std::any_of(keys.begin(), keys.end(), same)) continue;
    keys.push_back(key);
    items.push_back(item);
  }
  return make_list(budget, std::move(items));
}

Value filter_min(Budget& budget, const Value& input, const Bound& arguments) {
  return extreme(budget, input, arguments, false);
}
Value filter_max(Budget& budget, const Value& input, const Bound& arguments) {
  return extreme(budget, input, arguments, true);
}

// d, attribute
Value filter_join(Budget& budget, const Value& input, const Bound& arguments) {
  const MarkedText separator =
      arguments[0].is<Undefined>() ? MarkedText() : text_argument(arguments[0], "join");
  const ListPtr list = to_list(budget, input);
  if (!given(arguments[1])) return joined(budget, list->items, separator);
  std::vector<Value> items;
  for (const Value& item : list->items) {
    items.push_back(attribute_named(budget, item, arguments[1]));
  }
  return joined(budget, items, separator);
}

// filter and its one argument, or attribute and default
Value filter_map(Budget& budget, const Value& input, const Bound& arguments) {
  const Value &name = arguments[0], &attribute_name = arguments[2], &otherwise = arguments[3];
  const ListPtr list = to_list(budget, input);
  std::vector<Value> items;
  const Filter* filter = nullptr;
  if (!given(attribute_name)) {
    const std::string_view wanted = text_argument(name, "map").bytes();
    filter = find_filter(wanted);
    if (!filter) {
      throw ChatTemplateError("unknown filter '" + std::string(wanted) +
                              "'; supported: " + filter_names());
    }
  }
  for (const Value& item : list->items) {
    budget.step();
    Value mapped = filter ? filter->apply(budget, item, Bound{arguments[1]})
                          : attribute_named(budget, item, attribute_name);
    items.push_back(!filter && mapped.is<Undefined>() ? otherwise : std::move(mapped));
  }
  return make_list(budget, std::move(items));
}

Value filter_select(Budget& budget, const Value& input, const Bound& arguments) {
  return selected(budget, input, arguments, false, true);
}
Value filter_reject(Budget& budget, const Value& input, const Bound& arguments) {
  return selected(budget, input, arguments, false, false);
}
Value filter_selectattr(Budget& budget, const Value& input, const Bound& arguments) {
  return selected(budget, input, arguments, true, true);
}
Value filter_rejectattr(Budget& budget, const Value& input, const Bound& arguments) {
  return selected(budget, input, arguments, true, false);
}

}  // namespace paretune::chat
