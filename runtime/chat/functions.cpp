#include "runtime/chat/functions.h"

#include <algorithm>

namespace paretune::chat {
namespace {

// Jinja's sandbox has the same limit.
constexpr std::int64_t kLongestRange = 100'000;

Value raise_exception(Environment& environment, const GivenArguments& arguments) {
  const Bound bound = bind("raise_exception", {"message"}, arguments);
  throw ChatTemplateError("the template refuses: " +
                          std::string(to_text(environment.budget, bound[0]).bytes()));
}

Value strftime_now(Environment& environment, const GivenArguments& arguments) {
  const Bound bound = bind("strftime_now", {"format"}, arguments);
  const std::string_view format = text_argument(bound[0], "strftime_now").bytes();
  constexpr std::string_view kConversions = "aAbBdHIjmMpSyY%";
  MarkedText text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    environment.budget.step();
    if (format[i] != '%') {
      text.append(format.substr(i, 1), true);
      continue;
    }
    if (++i == format.size() || kConversions.find(format[i]) == kConversions.npos) {
      throw ChatTemplateError("strftime_now supports % followed by one of " +
                              std::string(kConversions));
    }
    const char conversion[] = {'%', format[i], 0};
    char buffer[64];
    text.append({buffer, std::strftime(buffer, sizeof buffer, conversion, &*environment.now)},
                true);
  }
  return make_text(environment.budget, std::move(text));
}

Value make_namespace(Environment& environment, const GivenArguments& arguments) {
  if (arguments.positional.size() > 1) throw ChatTemplateError("namespace takes one dict at most");
  environment.budget.make(sizeof(Namespace));
  Namespace& space = environment.namespaces.emplace_back();
  if (!arguments.positional.empty()) {
    const Dict* dict = arguments.positional[0].dict();
    if (!dict) throw ChatTemplateError("namespace takes a dict");
    for (const auto& [key, value] : dict->items) {
      environment.budget.make(sizeof(Value) + key->size());
      space.fields.insert_or_assign(std::string(key->bytes()), value);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    environment.budget.make(sizeof(Value) + name.size());
    space.fields.insert_or_assign(std::string(name), value);
  }
  return &space;
}

Value range(Environment& environment, const GivenArguments& arguments) {
  const Bound bound = bind("range", {"start", "stop", "step"}, arguments);
  const bool one = bound[1].is<Undefined>();
  const std::int64_t start = one ? 0 : integer_or(bound[0], 0, "range");
  const std::int64_t stop = integer_or(one ? bound[0] : bound[1], 0, "range");
  const std::int64_t step = integer_or(bound[2], 1, "range");
  if (step == 0) throw ChatTemplateError("range with a step of 0");
  std::vector<Value> items;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == kLongestRange) {
      throw ChatTemplateError("range of more than " + std::to_string(kLongestRange) + " numbers");
    }
    environment.budget.step();
    items.push_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return make_list(environment.budget, std::move(items));
}

Value make_dictionary(Environment& environment, const GivenArguments& arguments) {
  std::vector<std::pair<TextPtr, Value>> items;
  if (arguments.positional.size() > 1 ||
      (!arguments.positional.empty() && !arguments.positional[0].dict())) {
    throw ChatTemplateError("dict takes one dict at most");
  }
  if (!arguments.positional.empty()) items = arguments.positional[0].dict()->items;
  for (const auto& [name, value] : arguments.named) {
    items.emplace_back(std::make_shared<const MarkedText>(std::string(name), true), value);
  }
  return make_dict(environment.budget, std::move(items));
}

constexpr std::array kFunctions{
    Function{"raise_exception", raise_exception},
    Function{"strftime_now", strftime_now, true},
    Function{"namespace", make_namespace},
    Function{"range", range},
    Function{"dict", make_dictionary},
};

}  // namespace

std::span<const Function> functions() { return kFunctions; }

}  // namespace paretune::chat
