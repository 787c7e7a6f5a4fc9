#include "runtime/chat/operators.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/chat/arguments.h"
#include "runtime/chat/characters.h"
#include "runtime/chat/text_operations.h"

namespace paretune::chat {
namespace {

[[noreturn]] void too_large() { throw ChatTemplateError("the integer is too large"); }

std::optional<std::int64_t> as_integer(const Value& value) {
  if (const bool* b = value.get<bool>()) return *b;
  if (const auto* i = value.get<std::int64_t>()) return *i;
  return std::nullopt;
}

std::optional<double> as_float(const Value& value) {
  if (const auto i = as_integer(value)) return static_cast<double>(*i);
  if (const double* d = value.get<double>()) return *d;
  return std::nullopt;
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(result, base, &result)) too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) too_large();
  }
  return result;
}

Value of_integers(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (op == "+") {
    if (__builtin_add_overflow(a, b, &result)) too_large();
    return result;
  }
  if (op == "-") {
    if (__builtin_sub_overflow(a, b, &result)) too_large();
    return result;
  }
  if (op == "*") {
    if (__builtin_mul_overflow(a, b, &result)) too_large();
    return result;
  }
  if (op == "**") {
    if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
    return power(a, b);
  }
  if (b == 0) throw ChatTemplateError("division by zero");
  if (op == "/") return static_cast<double>(a) / static_cast<double>(b);
  if (b == -1) {
    if (op == "%") return std::int64_t{0};
    if (a == INT64_MIN) too_large();
    return -a;
  }
  const bool round_down = a % b != 0 && (a < 0) != (b < 0);  // Python rounds towards minus infinity
  if (op == "//") return a / b - (round_down ? 1 : 0);
  return a % b + (round_down ? b : 0);
}

Value of_floats(std::string_view op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (op == "**") return std::pow(a, b);
  if (b == 0) throw ChatTemplateError("division by zero");
  if (op == "/") return a / b;
  if (op == "//") return std::floor(a / b);
  const double remainder = std::fmod(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Value concatenation(Budget& budget, const MarkedText& a, const MarkedText& b) {
  budget.make(a.size() + b.size());
  MarkedText text = a;
  text.append(b);
  return std::make_shared<const MarkedText>(std::move(text));
}

Value repetition(Budget& budget, const Value& value, std::int64_t count) {
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  std::size_t bytes = 0;
  const std::size_t unit =
      value.text() ? value.text()->size() : value.list()->items.size() * sizeof(Value);
  if (__builtin_mul_overflow(unit, times, &bytes)) bytes = SIZE_MAX;
  budget.make(bytes);  // refuses before anything is made
  if (const MarkedText* text = value.text()) {
    MarkedText repeated;
    for (std::size_t i = 0; i < times && unit > 0; ++i) repeated.append(*text);
    return std::make_shared<const MarkedText>(std::move(repeated));
  }
  const std::vector<Value>& items = value.list()->items;
  std::vector<Value> repeated;
  for (std::size_t i = 0; i < times && unit > 0; ++i) {
    repeated.insert(repeated.end(), items.begin(), items.end());
  }
  return make_list(budget, std::move(repeated));
}

}  // namespace

Value negative(const Value& value) {
  if (const auto i = as_integer(value)) {
    if (*i == INT64_MIN) too_large();
    return -*i;
  }
  if (const double* d = value.get<double>()) return -*d;
  throw ChatTemplateError("minus " + std::string(type_name(value)));
}

Value binary_operation(Budget& budget, std::string_view op, const Value& a, const Value& b) {
  if (op == "~") return concatenation(budget, to_text(budget, a), to_text(budget, b));
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return of_integers(op, *ia, *ib);
  const auto fa = as_float(a), fb = as_float(b);
  if (fa && fb) return of_floats(op, *fa, *fb);
  if (op == "+" && a.text() && b.text()) return concatenation(budget, *a.text(), *b.text());
  if (op == "+" && a.list() && b.list()) {
    std::vector<Value> items = a.list()->items;
    items.insert(items.end(), b.list()->items.begin(), b.list()->items.end());
    return make_list(budget, std::move(items));
  }
  if (op == "*" && ib && (a.text() || a.list())) return repetition(budget, a, *ib);
  if (op == "*" && ia && (b.text() || b.list())) return repetition(budget, b, *ia);
  throw ChatTemplateError("'" + std::string(op) + "' between " + std::string(type_name(a)) +
                          " and " + std::string(type_name(b)));
}

Value slice(Budget& budget, const Value& value, const Value& begin, const Value& end,
            const Value& step) {
  if (value.is<Undefined>()) throw ChatTemplateError("a slice of an undefined value");
  if (!value.text() && !value.list()) {
    throw ChatTemplateError("a slice of " + std::string(type_name(value)));
  }
  const auto size = static_cast<std::int64_t>(length(budget, value));
  std::int64_t stride = integer_or(step, 1, "a slice");
  if (stride == 0) throw ChatTemplateError("a slice with a step of 0");
  stride = std::clamp(stride, -size - 1, size + 1);
  // Python's slice.indices().
  const std::int64_t lowest = stride < 0 ? -1 : 0, highest = stride < 0 ? size - 1 : size;
  const auto place = [&](const Value& index, std::int64_t otherwise) {
    const std::int64_t i = integer_or(index, otherwise, "a slice");
    if (index.is<Undefined>() || index.is<None>()) return i;
    if (i >= 0) return std::min(i, highest);
    return i < -size ? lowest : i + size;
  };
  const std::int64_t first = place(begin, stride < 0 ? highest : lowest);
  const std::int64_t last = place(end, stride < 0 ? lowest : highest);

  if (value.text() && stride == 1) {
    const std::string_view bytes = value.text()->bytes();
    const std::size_t from = character_offset(bytes, first);
    const std::size_t to =
        last > first ? from + character_offset(bytes.substr(from), last - first) : from;
    return make_text(budget, value.text()->substr(from, to));
  }
  const ListPtr items = to_list(budget, value);
  std::vector<Value> part;
  for (std::int64_t i = first; stride > 0 ? i < last : i > last; i += stride) {
    part.push_back(items->items[i]);
  }
  return value.text() ? joined(budget, part, {}) : make_list(budget, std::move(part));
}

}  // namespace paretune::chat
