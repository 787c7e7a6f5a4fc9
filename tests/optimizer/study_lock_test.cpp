#include "optimizer/study_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "tests/refusal.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

class StudyLockTest : public testing::Test {
 protected:
  StudyLockTest()
      : store_(fs::temp_directory_path() / ("paretune_lock_" + std::to_string(getpid()))) {}
  ~StudyLockTest() override { fs::remove(store_.string() + ".lock"); }

  // A child that holds the study until it is killed; returns once it holds it.
  pid_t holder_of(const std::string& study) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      const StudyLock lock(store_, study);
      if (write(ends[1], "x", 1) == 1) pause();
      _exit(0);
    }
    char c = 0;
    EXPECT_EQ(read(ends[0], &c, 1), 1);
    close(ends[0]), close(ends[1]);
    return child;
  }

  std::string complaint(const std::string& study) {
    return refusal([&] { StudyLock lock(store_, study); });
  }

  fs::path store_;
};

TEST_F(StudyLockTest, TheSecondIsToldWhoRunsItUntilThatOneIsKilled) {
  const pid_t child = holder_of("0123456789abcdef");
  EXPECT_EQ(complaint("0123456789abcdef"),
            "study 01234567 is being run by process " + std::to_string(child) +
                "; wait for it, or stop it (what it has measured is kept)");
  EXPECT_EQ(study_holder(store_, "0123456789abcdef"), child);
  EXPECT_EQ(complaint("another study"), "");
  EXPECT_EQ(study_holder(store_, "another study"), std::nullopt);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(study_holder(store_, "0123456789abcdef"), std::nullopt);
  EXPECT_EQ(complaint("0123456789abcdef"), "");
}

TEST_F(StudyLockTest, WhereNothingWasLockedNobodyHolds) {
  EXPECT_EQ(study_holder(store_, "s"), std::nullopt);
  EXPECT_FALSE(fs::exists(store_.string() + ".lock"));
}

TEST_F(StudyLockTest, FolderThatIsNotThereIsNamed) {
  store_ = "/nowhere/store";
  EXPECT_NE(complaint("s").find("/nowhere/store.lock: cannot be opened"), std::string::npos);
}

}  // namespace
}  // namespace paretune
