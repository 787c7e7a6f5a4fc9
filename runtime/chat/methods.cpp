#include "runtime/chat/methods.h"

#include <algorithm>

#include "runtime/chat/characters.h"
#include "runtime/chat/sequence_filters.h"
#include "runtime/chat/text_operations.h"

namespace paretune::chat {
namespace {

template <bool left, bool right>
Value text_strip(Budget& budget, const Value& self, const Bound& arguments) {
  return stripped(budget, *self.text(), arguments[0], left, right);
}

template <Value (*change)(Budget&, const MarkedText&)>
Value changed(Budget& budget, const Value& self, const Bound&) {
  return change(budget, *self.text());
}

// Words between spaces.
std::vector<Value> split_words(Budget& budget, const MarkedText& text, std::int64_t most) {
  std::vector<Value> words;
  std::size_t at = 0;
  for (;;) {
    at += strip(text.bytes().substr(at), nullptr, true, false).begin;
    if (at == text.size()) return words;
    std::size_t end = at;
    if (most-- == 0) {
      end += strip(text.bytes().substr(at), nullptr, false, true).end;
    } else {
      while (end < text.size()) {
        const std::string_view rest = text.bytes().substr(end);
        const std::size_t bytes = character_bytes(rest);
        if (strip(rest.substr(0, bytes), nullptr, true, false).begin > 0) break;
        end += bytes;
      }
    }
    words.push_back(make_text(budget, text.substr(at, end)));
    at = end;
    if (most < -1) most = -1;  // all
  }
}

// sep, maxsplit
Value text_split(Budget& budget, const Value& self, const Bound& arguments) {
  const MarkedText& text = *self.text();
  std::int64_t most = integer_or(arguments[1], -1, "split");
  budget.scan(text.size());
  if (arguments[0].is<Undefined>() || arguments[0].is<None>()) {
    return make_list(budget, split_words(budget, text, most < 0 ? INT64_MAX : most));
  }
  const MarkedText& separator = text_argument(arguments[0], "split");
  if (separator.empty()) throw ChatTemplateError("split by an empty string");
  std::vector<Value> parts;
  std::size_t at = 0;
  while (most != 0) {
    const std::size_t found = find_text(text.bytes(), separator.bytes(), at);
    if (found == std::string_view::npos) break;
    parts.push_back(make_text(budget, text.substr(at, found)));
    at = found + separator.size();
    --most;
  }
  parts.push_back(make_text(budget, text.substr(at, text.size())));
  return make_list(budget, std::move(parts));
}

// sep, maxsplit; the last separators count first.
Value text_rsplit(Budget& budget, const Value& self, const Bound& arguments) {
  const std::int64_t most = integer_or(arguments[1], -1, "rsplit");
  const Value all = text_split(budget, self, {arguments[0]});
  const std::vector<Value>& parts = all.list()->items;
  const auto count = static_cast<std::int64_t>(parts.size());
  if (most < 0 || count <= most + 1) return all;
  if (!arguments[0].text()) {
    throw ChatTemplateError("rsplit with a limit takes a separator");
  }
  const auto last = parts.begin() + (count - most);
  std::vector<Value> joined_parts{
      joined(budget, std::vector<Value>(parts.begin(), last), *arguments[0].text())};
  joined_parts.insert(joined_parts.end(), last, parts.end());
  return make_list(budget, std::move(joined_parts));
}

Value text_splitlines(Budget& budget, const Value& self, const Bound&) {
  std::vector<Value> lines;
  for (MarkedText& line : split_lines(budget, *self.text())) {
    lines.push_back(make_text(budget, std::move(line)));
  }
  return make_list(budget, std::move(lines));
}

// prefix: a string, or a tuple of which one is enough.
template <bool start>
Value text_has_affix(Budget& budget, const Value& self, const Bound& arguments) {
  const std::string_view text = self.text()->bytes();
  const auto has = [&](const Value& affix) {
    const std::string_view part = text_argument(affix, "startswith and endswith").bytes();
    budget.scan(part.size());
    return start ? text.starts_with(part) : text.ends_with(part);
  };
  if (!arguments[0].list()) return has(arguments[0]);
  const std::vector<Value>& affixes = arguments[0].list()->items;
  return std::any_of(affixes.begin(), affixes.end(), has);
}

template <bool start>
Value text_without_affix(Budget& budget, const Value& self, const Bound& arguments) {
  if (!is_true(text_has_affix<start>(budget, self, arguments))) return self;
  const std::size_t size = text_argument(arguments[0], "removeprefix").size();
  const MarkedText& text = *self.text();
  return make_text(budget,
                   start ? text.substr(size, text.size()) : text.substr(0, text.size() - size));
}

// old, new, count
Value text_replace(Budget& budget, const Value& self, const Bound& arguments) {
  return replaced(budget, *self.text(), text_argument(arguments[0], "replace"),
                  text_argument(arguments[1], "replace"), integer_or(arguments[2], -1, "replace"));
}

Value text_find(Budget& budget, const Value& self, const Bound& arguments) {
  const std::string_view text = self.text()->bytes();
  budget.scan(text.size());
  const std::size_t found = find_text(text, text_argument(arguments[0], "find").bytes(), 0);
  if (found == std::string_view::npos) return std::int64_t{-1};
  return static_cast<std::int64_t>(character_count(text.substr(0, found)));
}

Value text_join(Budget& budget, const Value& self, const Bound& arguments) {
  return joined(budget, to_list(budget, arguments[0])->items, *self.text());
}

// key, default
Value dict_get(Budget& budget, const Value& self, const Bound& arguments) {
  budget.step(self.dict()->items.size());
  const Value* found =
      arguments[0].text() ? self.dict()->find(arguments[0].text()->bytes()) : nullptr;
  if (found) return *found;
  return arguments[1].is<Undefined>() ? Value(None{}) : arguments[1];
}

Value dict_items(Budget& budget, const Value& self, const Bound&) {
  return pairs_of(budget, *self.dict());
}

Value dict_keys(Budget& budget, const Value& self, const Bound&) { return to_list(budget, self); }

Value dict_values(Budget& budget, const Value& self, const Bound&) {
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict()->items) values.push_back(value);
  return make_list(budget, std::move(values));
}

using enum Method::Of;
constexpr std::array kMethods{
    Method{text, "capitalize", {}, changed<capitalized>},
    Method{text, "endswith", {"suffix"}, text_has_affix<false>},
    Method{text, "find", {"sub"}, text_find},
    Method{text, "join", {"iterable"}, text_join},
    Method{text, "lower", {}, changed<lower_case>},
    Method{text, "lstrip", {"chars"}, text_strip<true, false>},
    Method{text, "removeprefix", {"prefix"}, text_without_affix<true>},
    Method{text, "removesuffix", {"suffix"}, text_without_affix<false>},
    Method{text, "replace", {"old", "new", "count"}, text_replace},
    Method{text, "rsplit", {"sep", "maxsplit"}, text_rsplit},
    Method{text, "rstrip", {"chars"}, text_strip<false, true>},
    Method{text, "split", {"sep", "maxsplit"}, text_split},
    Method{text, "splitlines", {}, text_splitlines},
    Method{text, "startswith", {"prefix"}, text_has_affix<true>},
    Method{text, "strip", {"chars"}, text_strip<true, true>},
    Method{text, "title", {}, changed<title_case>},
    Method{text, "upper", {}, changed<upper_case>},
    Method{dict, "get", {"key", "default"}, dict_get},
    Method{dict, "items", {}, dict_items},
    Method{dict, "keys", {}, dict_keys},
    Method{dict, "values", {}, dict_values},
};

bool has(const Value& self, const Method& method) {
  return method.of == text ? self.text() != nullptr : self.dict() != nullptr;
}

}  // namespace

const Method* find_method(const Value& self, std::string_view name) {
  const auto row = std::find_if(kMethods.begin(), kMethods.end(), [&](const Method& method) {
    return method.name == name && has(self, method);
  });
  return row == kMethods.end() ? nullptr : &*row;
}

std::string method_names(const Value& self) {
  std::vector<Method> own;
  std::copy_if(kMethods.begin(), kMethods.end(), std::back_inserter(own),
               [&](const Method& method) { return has(self, method); });
  return own.empty() ? "none" : names_of(own);
}

}  // namespace paretune::chat
