#include "reports/table.h"

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
              html_text(cell.text),
              cell.note.empty() ? "" : cat({"<small>", html_text(cell.note), "</small>"}), "</",
              tag, ">"});
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
