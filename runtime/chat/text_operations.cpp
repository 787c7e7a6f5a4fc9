#include "runtime/chat/text_operations.h"

#include "runtime/chat/arguments.h"
#include "runtime/chat/characters.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

namespace paretune::chat {
namespace {

// The first letter (of each word, if words) in upper case, others in lower case.
MarkedText capitalize(const MarkedText& text, bool words) {
  bool at_start = true;
  return text.map_runs([&](std::string_view run) {
    std::string changed;
    while (!run.empty()) {
      const std::size_t bytes = character_bytes(run);
      const std::string_view character = run.substr(0, bytes);
      changed += at_start ? upper(character) : lower(character);
      at_start = words && character_class(decode_utf8(character).value) != CharacterClass::letter;
      run.remove_prefix(bytes);
    }
    return changed;
  });
}

}  // namespace

Value upper_case(Budget& budget, const MarkedText& text) {
  return make_text(budget, text.map_runs(upper));
}
Value lower_case(Budget& budget, const MarkedText& text) {
  return make_text(budget, text.map_runs(lower));
}
Value capitalized(Budget& budget, const MarkedText& text) {
  return make_text(budget, capitalize(text, false));
}
Value title_case(Budget& budget, const MarkedText& text) {
  return make_text(budget, capitalize(text, true));
}

Value stripped(Budget& budget, const MarkedText& text, const Value& set, bool left, bool right) {
  std::string_view characters;
  const bool default_set = set.is<Undefined>() || set.is<None>();
  if (!default_set) {
    characters = text_argument(set, "strip").bytes();
    budget.step(characters.size() * (1 + text.size() / 64));
  }
  const Part part = strip(text.bytes(), default_set ? nullptr : &characters, left, right);
  return make_text(budget, text.substr(part.begin, part.end));
}

Value replaced(Budget& budget, const MarkedText& text, const MarkedText& from, const MarkedText& to,
               std::int64_t most) {
  MarkedText result;
  std::size_t at = 0;
  budget.scan(text.size());
  const auto replace_at = [&](std::size_t begin, std::size_t end) {
    budget.make((begin - at) + to.size());
    result.append(text, at, begin);
    result.append(to);
    at = end;
    --most;
  };
  if (from.empty()) {  // before each character and at the end
    for (std::size_t i = 0; most != 0; i += character_bytes(text.bytes().substr(i))) {
      replace_at(i, i);
      if (i == text.size()) break;
    }
  } else {
    while (most != 0) {
      const std::size_t found = find_text(text.bytes(), from.bytes(), at);
      if (found == std::string_view::npos) break;
      replace_at(found, found + from.size());
    }
  }
  result.append(text, at, text.size());
  return make_text(budget, std::move(result));
}

std::vector<MarkedText> split_lines(Budget& budget, const MarkedText& text) {
  budget.make(text.size());
  std::vector<MarkedText> lines;
  const std::string_view bytes = text.bytes();
  for (std::size_t begin = 0; begin < bytes.size();) {
    std::size_t end = bytes.find_first_of("\r\n", begin);
    if (end == bytes.npos) end = bytes.size();
    budget.step();
    lines.push_back(text.substr(begin, end));
    begin = end + (bytes.substr(end).starts_with("\r\n") ? 2 : 1);
  }
  return lines;
}

Value joined(Budget& budget, const std::vector<Value>& items, const MarkedText& separator) {
  MarkedText result;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const MarkedText item = to_text(budget, items[i]);
    budget.make(separator.size() + item.size());
    if (i > 0) result.append(separator);
    result.append(item);
  }
  return make_text(budget, std::move(result));
}

}  // namespace paretune::chat
