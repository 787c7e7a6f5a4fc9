#include "profiles/isolate.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <new>
#include <stdexcept>

namespace paretune {
namespace {

const std::atomic<bool> kGoOn{false};

TEST(IsolateTest, BringsTheTextBack) {
  const std::string large(300'000, 'x');  // more than a pipe holds
  const ChildResult result = run_isolated([&] { return large; }, 60, kGoOn);
  EXPECT_EQ(result.outcome, Outcome::ok);
  EXPECT_EQ(result.output, large);
}

TEST(IsolateTest, EveryEndIsAnOutcome) {
  EXPECT_EQ(run_isolated([]() -> std::string { throw std::bad_alloc(); }, 60, kGoOn).outcome,
            Outcome::out_of_memory);
  const ChildResult refused =
      run_isolated([]() -> std::string { throw std::runtime_error("no such kernel"); }, 60, kGoOn);
  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_EQ(refused.detail, "no such kernel");
  const auto die_by = [](int signal_number) {
    return run_isolated(
        [=]() -> std::string {
          signal(signal_number, SIG_DFL);  // sanitizers catch some
          raise(signal_number);
          return "";
        },
        60, kGoOn);
  };
  EXPECT_EQ(die_by(SIGSEGV).outcome, Outcome::crashed);
  EXPECT_EQ(die_by(SIGKILL).outcome, Outcome::out_of_memory);
  EXPECT_EQ(run_isolated([]() -> std::string { _exit(3); }, 60, kGoOn).outcome, Outcome::crashed);
}

TEST(IsolateTest, TimeAndUserEndIt) {
  const auto forever = []() -> std::string {
    while (true) pause();
  };
  const ChildResult late = run_isolated(forever, 0.1, kGoOn);
  EXPECT_EQ(late.outcome, Outcome::timed_out);
  EXPECT_FALSE(late.interrupted);
  const std::atomic<bool> stop{true};
  EXPECT_TRUE(run_isolated(forever, 60, stop).interrupted);
}

}  // namespace
}  // namespace paretune
