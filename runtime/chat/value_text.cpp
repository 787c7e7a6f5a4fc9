// Values as text: Python's str() and repr(), and JSON.
#include <charconv>
#include <cmath>

#include "runtime/chat/value.h"

namespace paretune::chat {
namespace {

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void append_escaped(MarkedText& out, const MarkedText& text, char quote, bool json) {
  std::size_t i = 0;
  for (const MarkedText::Run& run : text.runs()) {
    std::string escaped;
    for (; i < run.end; ++i) {
      const char c = text.bytes()[i];
      if (c == '\n') {
        escaped += "\\n";
      } else if (c == '\t') {
        escaped += "\\t";
      } else if (c == '\r') {
        escaped += "\\r";
      } else if (json && c == '\b') {
        escaped += "\\b";
      } else if (json && c == '\f') {
        escaped += "\\f";
      } else if (c == '\\' || c == quote) {
        escaped += '\\';
        escaped += c;
      } else if (static_cast<unsigned char>(c) < 0x20 || (!json && c == 0x7F)) {
        constexpr const char* kHex = "0123456789abcdef";
        escaped += json ? "\\u00" : "\\x";
        escaped += kHex[c >> 4];
        escaped += kHex[c & 15];
      } else {
        escaped += c;
      }
    }
    out.append(escaped, run.from_template);
  }
}

// Walks a value and writes it, in Python's notation or JSON's.
class Writer {
 public:
  Writer(Budget& budget, bool json, int indent) : budget_(budget), json_(json), indent_(indent) {}

  MarkedText take() { return std::move(out_); }

  void write(const Value& value, int level) {
    budget_.step();
    if (const MarkedText* text = value.text()) return write_text(*text);
    if (const List* list = value.list()) {
      return write_items('[', ']', list->items.size(), level,
                         [&](std::size_t i) { write(list->items[i], level + 1); });
    }
    if (const Dict* dict = value.dict()) {
      return write_items('{', '}', dict->items.size(), level, [&](std::size_t i) {
        write_text(*dict->items[i].first);
        put(": ");
        write(dict->items[i].second, level + 1);
      });
    }
    if (value.is<None>()) return put(json_ ? "null" : "None");
    if (const bool* b = value.get<bool>()) {
      return put(json_ ? (*b ? "true" : "false") : (*b ? "True" : "False"));
    }
    if (const auto* i = value.get<std::int64_t>()) return put(std::to_string(*i));
    if (const double* d = value.get<double>()) {
      if (!json_) return put(float_text(*d));
      return put(std::isnan(*d)   ? "NaN"
                 : std::isinf(*d) ? (*d < 0 ? "-Infinity" : "Infinity")
                                  : float_text(*d));
    }
    if (json_) {
      throw ChatTemplateError("tojson of " + std::string(type_name(value)));
    }
    put(value.is<Undefined>() ? "Undefined" : "<" + std::string(type_name(value)) + ">");
  }

 private:
  void put(std::string_view text) { out_.append(text, true); }

  void write_text(const MarkedText& text) {
    budget_.make(text.size());
    const std::string_view bytes = text.bytes();
    char quote = '"';
    if (!json_ && (bytes.find('\'') == bytes.npos || bytes.find('"') != bytes.npos)) quote = '\'';
    put({&quote, 1});
    append_escaped(out_, text, quote, json_);
    put({&quote, 1});
  }

  template <class WriteItem>
  void write_items(char open, char close, std::size_t size, int level, const WriteItem& item) {
    put({&open, 1});
    for (std::size_t i = 0; i < size; ++i) {
      if (i > 0) put(indent_ < 0 ? ", " : ",");
      new_line(level + 1);
      item(i);
    }
    if (size > 0) new_line(level);
    put({&close, 1});
  }

  void new_line(int level) {
    if (indent_ < 0) return;
    const std::size_t blanks = static_cast<std::size_t>(indent_) * level;
    budget_.make(blanks + 1);
    put("\n" + std::string(blanks, ' '));
  }

  Budget& budget_;
  bool json_;
  int indent_;
  MarkedText out_;
};

}  // namespace

MarkedText to_text(Budget& budget, const Value& value) {
  if (value.text()) return *value.text();
  if (value.is<Undefined>()) return {};
  Writer writer(budget, false, -1);
  writer.write(value, 0);
  return writer.take();
}

MarkedText to_json(Budget& budget, const Value& value, int indent) {
  Writer writer(budget, true, indent);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace paretune::chat
