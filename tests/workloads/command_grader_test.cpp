#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "workloads/graders.h"

namespace paretune {
namespace {

EvalItem item(std::string command) {
  return {.id = "7",
          .prompt = "Say \"hi\"\nnow",
          .answer = "hi",
          .grader = &kCommand,
          .command = std::move(command)};
}

TEST(CommandGrader, ReadsTheQuestionAndPrintsAScore) {
  EXPECT_EQ(kCommand.score(item("echo 0.25"), "x"), 0.25);
  const char* const looks = R"(grep -q '"output":"hi there"' && echo 1 || echo 0)";
  EXPECT_EQ(kCommand.score(item(looks), "hi there"), 1);
  EXPECT_EQ(kCommand.score(item(looks), "bye"), 0);
  EXPECT_EQ(kCommand.score(item("wc -l | tr -d ' '"), "two\nlines"), 1);  // one line of JSON
}

TEST(CommandGrader, ALongOutputAndADeafCommandDoNotBlock) {
  const std::string long_output(1 << 20, 'x');
  EXPECT_EQ(kCommand.score(item("wc -c > /dev/null; echo 1"), long_output), 1);
  EXPECT_EQ(kCommand.score(item("echo 1"), long_output), 1);
}

TEST(CommandGrader, RefusalsNameTheCommandAndWhatItPrinted) {
  struct Case {
    const char *command, *part;
  };
  for (const Case& c :
       {Case{"echo good", "found \"good\" for item 7"}, Case{"echo 2", "from 0 to 1"},
        Case{"true", "found \"\""}, Case{"exit 3", "exit status 3"},
        Case{"no-such-program-here 2>/dev/null", "exit status 127"},
        Case{"echo 1; exec >&-; sleep 0.05; exit 3", "exit status 3"},
        Case{"yes 0.5 | cat", "more than 64 KiB"}}) {
    try {
      kCommand.score(item(c.command), "x");
      FAIL() << c.command;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(c.part), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(c.command), std::string::npos) << error.what();
    }
  }
  EXPECT_NE(kCommand.lacks(EvalItem{}), "");
}

}  // namespace
}  // namespace paretune
