#include "profiles/measured_lines.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "profiles/steady_clock.h"

namespace paretune {
namespace {

class MeasuredLines : public testing::Test {
 protected:
  MeasuredLines()
      : folder_(std::filesystem::temp_directory_path() /
                ("paretune_measured_lines_" + std::to_string(getpid()))),
        store_((std::filesystem::remove_all(folder_), std::filesystem::create_directories(folder_),
                folder_ / "store.sqlite")) {}
  ~MeasuredLines() override { std::filesystem::remove_all(folder_); }

  static LineTask line(const std::string& text) {
    return {text, [text] { return text + "!"; }};
  }
  static LineTask fails(const std::string& key) {
    return {key, []() -> std::string { throw std::runtime_error("breaks"); }};
  }

  std::vector<std::string> run(const std::vector<LineTask>& tasks, double budget_s = 60) {
    return *measured_lines("done", tasks, store_, clock_, budget_s, stop_);
  }

  std::filesystem::path folder_;
  Store store_;
  SteadyClock clock_;
  std::atomic<bool> stop_{false};
};

TEST_F(MeasuredLines, AreMeasuredOnce) {
  EXPECT_EQ(run({line("a"), line("b"), line("c")}), (std::vector<std::string>{"a!", "b!", "c!"}));
  EXPECT_EQ(run({fails("a"), fails("b"), fails("c")}),
            (std::vector<std::string>{"a!", "b!", "c!"}));
}

TEST_F(MeasuredLines, WhatBreaksIsLeftOut) {
  EXPECT_EQ(run({fails("a"), line("b")}), std::vector<std::string>{"b!"});
}

TEST_F(MeasuredLines, WhatTakesFarTooLongIsKilled) {
  const LineTask endless{"a", []() -> std::string {
                           sleep(60);
                           return "a!";
                         }};
  EXPECT_TRUE(run({endless, line("b")}, 0.2).empty());
}

// Run again with more time, a study must decide as it did.
TEST_F(MeasuredLines, WhatWasLeftOutStaysOut) {
  EXPECT_TRUE(run({line("a")}, -1).empty());
  EXPECT_TRUE(run({line("a")}, 60).empty());
}

TEST_F(MeasuredLines, AStopLeavesTheListOpen) {
  stop_ = true;
  EXPECT_FALSE(measured_lines("done", std::vector{line("a")}, store_, clock_, 60, stop_));
  stop_ = false;
  EXPECT_EQ(run({line("a")}), std::vector<std::string>{"a!"});
}

}  // namespace
}  // namespace paretune
