#include "runtime/chat/predicates.h"

#include <algorithm>

#include "runtime/chat/text_operations.h"

namespace paretune::chat {
namespace {

template <class... Types>
bool is_one_of(Budget&, const Value& value, const Bound&) {
  return (value.is<Types>() || ...);
}

bool is_defined(Budget&, const Value& value, const Bound&) { return !value.is<Undefined>(); }

template <bool wanted>
bool is_boolean(Budget&, const Value& value, const Bound&) {
  const bool* boolean = value.get<bool>();
  return boolean && *boolean == wanted;
}

template <int remainder>
bool has_parity(Budget&, const Value& value, const Bound&) {
  return std::abs(integer_or(value, 0, "odd and even") % 2) == remainder;
}

bool is_divisible(Budget&, const Value& value, const Bound& arguments) {
  const std::int64_t divisor = integer_or(arguments[0], 0, "divisibleby");
  if (divisor == 0) throw ChatTemplateError("divisibleby 0");
  return divisor == -1 || integer_or(value, 0, "divisibleby") % divisor == 0;
}

bool is_equal(Budget& budget, const Value& value, const Bound& arguments) {
  return equals(budget, value, arguments[0]);
}
bool is_unequal(Budget& budget, const Value& value, const Bound& arguments) {
  return !equals(budget, value, arguments[0]);
}
bool is_less(Budget& budget, const Value& value, const Bound& arguments) {
  return less(budget, value, arguments[0]);
}
bool is_greater(Budget& budget, const Value& value, const Bound& arguments) {
  return less(budget, arguments[0], value);
}
bool is_at_most(Budget& budget, const Value& value, const Bound& arguments) {
  return is_less(budget, value, arguments) || is_equal(budget, value, arguments);
}
bool is_at_least(Budget& budget, const Value& value, const Bound& arguments) {
  return is_greater(budget, value, arguments) || is_equal(budget, value, arguments);
}
bool is_in(Budget& budget, const Value& value, const Bound& arguments) {
  return contains(budget, arguments[0], value);
}

template <Value (*change)(Budget&, const MarkedText&)>
bool is_unchanged_by(Budget& budget, const Value& value, const Bound&) {
  const MarkedText text = to_text(budget, value);
  return change(budget, text).text()->bytes() == text.bytes();
}

constexpr std::array kPredicates{
    Predicate{"boolean", {}, is_one_of<bool>},
    Predicate{"callable", {}, is_one_of<const Macro*, const Function*>},
    Predicate{"defined", {}, is_defined},
    Predicate{"divisibleby", {"num"}, is_divisible},
    Predicate{"eq", {"other"}, is_equal},
    Predicate{"equalto", {"other"}, is_equal},
    Predicate{"even", {}, has_parity<0>},
    Predicate{"false", {}, is_boolean<false>},
    Predicate{"float", {}, is_one_of<double>},
    Predicate{"ge", {"other"}, is_at_least},
    Predicate{"greaterthan", {"other"}, is_greater},
    Predicate{"gt", {"other"}, is_greater},
    Predicate{"in", {"seq"}, is_in},
    Predicate{"integer", {}, is_one_of<std::int64_t>},
    // Undefined is iterable too: an empty one.
    Predicate{"iterable", {}, is_one_of<TextPtr, ListPtr, DictPtr, Undefined>},
    Predicate{"le", {"other"}, is_at_most},
    Predicate{"lessthan", {"other"}, is_less},
    Predicate{"lower", {}, is_unchanged_by<lower_case>},
    Predicate{"lt", {"other"}, is_less},
    Predicate{"mapping", {}, is_one_of<DictPtr>},
    Predicate{"ne", {"other"}, is_unequal},
    Predicate{"none", {}, is_one_of<None>},
    Predicate{"number", {}, is_one_of<bool, std::int64_t, double>},
    Predicate{"odd", {}, has_parity<1>},
    Predicate{"sameas", {"other"}, is_equal},
    Predicate{"sequence", {}, is_one_of<TextPtr, ListPtr, DictPtr, Undefined>},
    Predicate{"string", {}, is_one_of<TextPtr>},
    Predicate{"true", {}, is_boolean<true>},
    Predicate{"undefined", {}, is_one_of<Undefined>},
    Predicate{"upper", {}, is_unchanged_by<upper_case>},
};

}  // namespace

const Predicate* find_predicate(std::string_view name) {
  const auto row = std::find_if(kPredicates.begin(), kPredicates.end(),
                                [&](const Predicate& each) { return each.name == name; });
  return row == kPredicates.end() ? nullptr : &*row;
}

std::string predicate_names() { return names_of(kPredicates); }

}  // namespace paretune::chat
