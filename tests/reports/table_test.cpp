#include "reports/table.h"

#include <gtest/gtest.h>

namespace paretune {
namespace {

TEST(TextTable, ColumnsLineUpByCharacters) {
  const Table table{.columns = {{"knob"}, {"value", true}, {"why"}},
                    .rows = {{.cells = {{"a → b"}, {"1"}, {"x\ny"}}},
                             {.cells = {{"c"}, {.text = "12.5", .note = "12 to 13"}, {""}}}}};
  EXPECT_EQ(text_table(table),
            "knob             value  why\n"
            "a → b                1  x y\n"
            "c      12.5 (12 to 13)\n");
}

}  // namespace
}  // namespace paretune
