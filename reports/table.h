// A table before it is HTML or Markdown: cells are plain text, escaped by whoever prints them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace paretune {

enum class Mood { plain, good, bad, muted };

struct Cell {
  std::string text;
  Mood mood = Mood::plain;
  std::optional<double> sort = {};  // where the text does not sort as it should
  std::string note = {};            // smaller, below: an interval
};

struct Column {
  std::string title;
  bool numeric = false;
};

struct Row {
  std::vector<Cell> cells;  // one per column; the first names the row
  int trial = -1;           // of which the row tells, for highlighting; -1: of none
};

struct Table {
  std::string caption;
  std::vector<Column> columns;
  std::vector<Row> rows;
  bool sortable = false;
};

std::string html_table(const Table& table);
std::string markdown_table(const Table& table);  // without the caption
// For a terminal: columns as wide as their widest cell, without the caption.
std::string text_table(const Table& table);

}  // namespace paretune
