#include "reports/table.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "reports/number.h"
#include "reports/text.h"

namespace paretune {
namespace {

constexpr std::size_t kLong = 36;  // characters from which a cell would rather be wide than tall

std::string css_class(const Column& column, Mood mood, bool long_text) {
  static constexpr std::array<std::string_view, 4> kMoods{"", "good", "bad", "muted"};
  std::vector<std::string> names;
  if (column.numeric) names.push_back("num");
  if (long_text && !column.numeric) names.push_back("long");
  if (mood != Mood::plain) names.emplace_back(kMoods[static_cast<std::size_t>(mood)]);
  return names.empty() ? "" : cat({" class=\"", join(names, " "), "\""});
}

std::string html_cell(const Column& column, const Cell& cell, bool names_row) {
  const std::string_view tag = names_row ? "th" : "td";
  const std::string sort = cell.sort ? cat({" data-sort=\"", exact_number(*cell.sort), "\""}) : "";
  return cat({"<", tag, names_row ? " scope=\"row\"" : "",
              css_class(column, cell.mood, cell.text.size() > kLong), sort, ">",
              column.numeric ? html_text(cell.text) : html_list(cell.text),
              cell.note.empty() ? "" : cat({"<small>", html_text(cell.note), "</small>"}), "</",
              tag, ">"});
}

// Characters that take a place: not the bytes that go on with one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string terminal_text(const Cell& cell) {
  std::string text =
      clean_utf8(cell.note.empty() ? cell.text : cat({cell.text, " (", cell.note, ")"}));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

std::string html_table(const Table& table) {
  // The wrapper scrolls, so it can be reached and scrolled by keyboard.
  std::string out =
      cat({"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"",
           html_text(table.caption), "\"><table", table.sortable ? " class=\"sortable\"" : "",
           "><caption>", html_text(table.caption), "</caption><thead><tr>"});
  for (const Column& column : table.columns) {
    out += cat({"<th scope=\"col\"", css_class(column, Mood::plain, false), ">",
                html_text(column.title), "</th>"});
  }
  out += "</tr></thead><tbody>\n";
  for (const Row& row : table.rows) {
    out += row.trial < 0 ? "<tr>" : cat({"<tr data-trial=\"", std::to_string(row.trial), "\">"});
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      out += html_cell(table.columns[i], row.cells[i], i == 0);
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string text_table(const Table& table) {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : table.columns) lines[0].push_back(column.title);
  for (const Row& row : table.rows) {
    lines.emplace_back();
    for (const Cell& cell : row.cells) lines.back().push_back(terminal_text(cell));
  }
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string gap(widths[i] - width(line[i]), ' ');
      text += cat({i ? "  " : "", table.columns[i].numeric ? gap : "", line[i],
                   table.columns[i].numeric ? "" : gap});
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string markdown_table(const Table& table) {
  std::string head = "|";
  std::string rule = "|";
  for (const Column& column : table.columns) {
    head += cat({" ", markdown_text(column.title), " |"});
    rule += column.numeric ? " ---: |" : " --- |";
  }
  std::string out = cat({head, "\n", rule, "\n"});
  for (const Row& row : table.rows) {
    out += "|";
    for (const Cell& cell : row.cells) {
      const std::string note = cell.note.empty() ? "" : cat({" (", markdown_text(cell.note), ")"});
      out += cat({" ", markdown_text(cell.text), note, " |"});
    }
    out += "\n";
  }
  return out;
}

}  // namespace paretune
